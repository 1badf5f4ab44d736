import type { TrustDomain } from "../../../spiffe/index.ts";
import type { FederationStore } from "../../store/ports.ts";
import { auditTrustDomains, type BatchResult, carryOut, type Draft, done, refused } from "../batch.ts";
import { prepareForeign } from "../bundle/foreign-item.ts";
import { unaryRpc } from "../rpc.ts";
import { federationNotFound } from "./federation-item.ts";

export interface BatchDeleteFederationRelationshipNeeds {
  readonly trustDomain: TrustDomain;
  readonly store: Pick<FederationStore, "deleteFederations">;
}

/**
 * The bundles stay. One result per trust domain, in order; all in one transaction. Per item: ERR_MALFORMED_REQUEST,
 * ERR_OWN_TRUST_DOMAIN, ERR_FEDERATION_NOT_FOUND.
 */
export const batchDeleteFederationRelationship = unaryRpc<
  BatchDeleteFederationRelationshipNeeds,
  readonly Draft<{ readonly trustDomain: TrustDomain }>[],
  readonly BatchResult<never>[]
>({
  method: "/spire.api.server.trustdomain.v1.TrustDomain/BatchDeleteFederationRelationship",
  callers: ["local", "admin"],
  audit: { kind: "change", items: (_items, results) => auditTrustDomains(results) },
  handle: async ({ trustDomain: own, store }, items, call) =>
    carryOut(
      await prepareForeign<{ readonly trustDomain: TrustDomain }, never>(items, own, "federation", call),
      (works) => store.deleteFederations(works.map(({ trustDomain }) => trustDomain)),
      ({ trustDomain: { name } }, isDeleted) => (isDeleted ? done(name) : refused(name, federationNotFound())),
    ),
});
