import type { WITSVIDRequest__Output } from "../../proto/gen/WITSVIDRequest.ts";
import type { WITSVIDResponse } from "../../proto/gen/WITSVIDResponse.ts";
import { commonErrors, type ServerStreamHandler } from "../../transport/index.ts";

/** WAPI-73: without the profile Unimplemented, upon which clients do not try it again. */
export const fetchWitSvid: ServerStreamHandler<WITSVIDRequest__Output, WITSVIDResponse> = async () => {
  throw commonErrors.error("ERR_UNIMPLEMENTED", "WIT-SVIDs are not served");
};
