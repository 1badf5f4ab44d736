import type { Certificate } from "../../../certs/index.ts";

/** Whose certificates prove a node, as it is now. */
export interface TrustAnchors {
  /** Never empty. Rejects `ERR_X509POP_CA_BUNDLE` or `ERR_BUNDLE_NOT_FOUND` when there are none. */
  current(): Promise<readonly Certificate[]>;
}
