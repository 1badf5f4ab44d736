import type { FederationDraft } from "../../../proto/convert/federation.ts";
import { SpiffeBundle, type TrustDomain } from "../../../spiffe/index.ts";
import type { Registry } from "../../registry/ports.ts";
import type { FederationStore } from "../../store/ports.ts";
import { auditTrustDomains, type BatchResult, carryOut, type Draft, done, refused } from "../batch.ts";
import { prepareForeign } from "../bundle/foreign-item.ts";
import { unaryRpc } from "../rpc.ts";
import { type FederationView, federationNotFound, federationView } from "./federation-item.ts";

export interface BatchUpdateFederationRelationshipNeeds {
  readonly trustDomain: TrustDomain;
  readonly registry: Pick<Registry, "bundle">;
  readonly store: Pick<FederationStore, "updateFederations">;
}

/**
 * Writes what the drafts have; without a bundle the stored one stays. One result per relationship, in order; all in
 * one transaction. Per item: ERR_MALFORMED_REQUEST, ERR_OWN_TRUST_DOMAIN, ERR_FEDERATION_NOT_FOUND.
 */
export const batchUpdateFederationRelationship = unaryRpc<
  BatchUpdateFederationRelationshipNeeds,
  readonly Draft<FederationDraft>[],
  readonly BatchResult<FederationView>[]
>({
  method: "/spire.api.server.trustdomain.v1.TrustDomain/BatchUpdateFederationRelationship",
  callers: ["local", "admin"],
  audit: { kind: "change", items: (_items, results) => auditTrustDomains(results) },
  mask: "federation",
  handle: async ({ trustDomain: own, registry, store }, items, call) =>
    carryOut(
      await prepareForeign<FederationDraft, FederationView>(items, own, "federation", call),
      (drafts) =>
        store.updateFederations(
          drafts.map(({ trustDomain, change, bundle }) => {
            return { trustDomain, change, bundle: bundle && SpiffeBundle.of(trustDomain, bundle.parts) };
          }),
        ),
      ({ trustDomain: { name } }, outcome) =>
        outcome.kind === "updated"
          ? done(name, federationView(registry, outcome.relationship))
          : refused(name, federationNotFound()),
    ),
});
