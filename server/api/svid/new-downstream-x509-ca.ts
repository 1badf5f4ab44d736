import type { SpiffeBundle } from "../../../spiffe/index.ts";
import { issueDownstreamCa } from "../../authority/downstream/downstream-ca.ts";
import type { DownstreamNeeds } from "../downstream-needs.ts";
import { ownBundle } from "../downstream-needs.ts";
import { unaryRpc } from "../rpc.ts";

export interface NewDownstreamX509CaRequest {
  readonly csrDer: Uint8Array;
  /** Seconds; 0 = the life of our own authorities. */
  readonly preferredTtl: number;
}

export interface NewDownstreamX509CaResponse {
  /** DER; the new CA first, no trust anchor. */
  readonly chain: readonly Uint8Array[];
  readonly bundle: SpiffeBundle;
  readonly serialNumber: string;
  readonly notAfter: number;
}

/**
 * A CA for a server of the same trust domain below this one.
 * Errors: ERR_CSR_…, ERR_SVID_LIFETIME, ERR_DOWNSTREAM_PATH_LENGTH, ERR_AUTHORITY_UNAVAILABLE.
 */
export const newDownstreamX509Ca = unaryRpc<DownstreamNeeds, NewDownstreamX509CaRequest, NewDownstreamX509CaResponse>({
  method: "/spire.api.server.svid.v1.SVID/NewDownstreamX509CA",
  callers: ["downstream"],
  rate: { class: "x509" },
  audit: {
    kind: "issuance",
    fields: ({ preferredTtl }) => ({ preferred_ttl: preferredTtl }),
    result: ({ serialNumber, notAfter }) => ({ serial: serialNumber, expires_at: notAfter }),
    issued: () => ({ kind: "ca", count: 1 }),
  },
  handle: async (needs, request) => {
    const ca = await issueDownstreamCa(needs.downstream, request);
    return { ...ca, bundle: await ownBundle(needs) };
  },
});
