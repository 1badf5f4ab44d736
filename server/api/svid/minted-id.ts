import type { SpiffeId, TrustDomain } from "../../../spiffe/index.ts";
import { ServiceError } from "../../../transport/errors/service-error.ts";
import { serverErrors } from "../../errors.ts";
import { checkSvidId } from "../../issuance/svid-id.ts";

/**
 * The id when an administrator may have an SVID of it: of this trust domain, and not under the reserved `/spire`, which
 * would be a server or an agent.
 * @throws ERR_MINT_REFUSED
 */
export function checkMintedId(id: SpiffeId, trustDomain: TrustDomain): SpiffeId {
  try {
    checkSvidId(id, trustDomain, "workload");
    return id;
  } catch (cause) {
    if (!(cause instanceof ServiceError)) throw cause;
    throw serverErrors.error("ERR_MINT_REFUSED", `invalid SPIFFE ID: ${cause.message}`, { cause });
  }
}
