import type { WITBundlesRequest__Output } from "../../proto/gen/WITBundlesRequest.ts";
import type { WITBundlesResponse } from "../../proto/gen/WITBundlesResponse.ts";
import { commonErrors, type ServerStreamHandler } from "../../transport/index.ts";

/** WAPI-73: without the profile Unimplemented, upon which clients do not try it again. */
export const fetchWitBundles: ServerStreamHandler<WITBundlesRequest__Output, WITBundlesResponse> = async () => {
  throw commonErrors.error("ERR_UNIMPLEMENTED", "WIT-SVIDs are not served");
};
