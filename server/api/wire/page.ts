import { commonErrors } from "../../../transport/index.ts";
import type { PageRequest } from "../../registry/ports.ts";

/** Throws ERR_MALFORMED_REQUEST for a negative size. */
export function readPage(wire: { readonly page_size: number; readonly page_token: string }): PageRequest {
  if (wire.page_size < 0) throw commonErrors.error("ERR_MALFORMED_REQUEST", "page_size: is negative");
  return { pageSize: wire.page_size, pageToken: wire.page_token };
}
