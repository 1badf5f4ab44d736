import type { FederationDraft } from "../../../proto/convert/federation.ts";
import { SpiffeBundle, type TrustDomain } from "../../../spiffe/index.ts";
import { serverErrors } from "../../errors.ts";
import type { Registry } from "../../registry/ports.ts";
import type { FederationStore } from "../../store/ports.ts";
import { auditTrustDomains, type BatchResult, carryOut, type Draft, done, refused } from "../batch.ts";
import { prepareForeign } from "../bundle/foreign-item.ts";
import { unaryRpc } from "../rpc.ts";
import { type FederationView, federationView } from "./federation-item.ts";

export interface BatchCreateFederationRelationshipNeeds {
  readonly trustDomain: TrustDomain;
  readonly registry: Pick<Registry, "bundle">;
  readonly store: Pick<FederationStore, "createFederations">;
}

/**
 * A bundle that comes with a relationship is set with it. One result per relationship, in order; all in one
 * transaction. Per item: ERR_MALFORMED_REQUEST, ERR_OWN_TRUST_DOMAIN, ERR_FEDERATION_EXISTS (with what is in the way).
 */
export const batchCreateFederationRelationship = unaryRpc<
  BatchCreateFederationRelationshipNeeds,
  readonly Draft<FederationDraft>[],
  readonly BatchResult<FederationView>[]
>({
  method: "/spire.api.server.trustdomain.v1.TrustDomain/BatchCreateFederationRelationship",
  callers: ["local", "admin"],
  audit: { kind: "change", items: (_items, results) => auditTrustDomains(results) },
  mask: "federation",
  handle: async ({ trustDomain: own, registry, store }, items, call) =>
    carryOut(
      await prepareForeign<FederationDraft, FederationView>(items, own, "federation", call),
      (drafts) => store.createFederations(drafts.map(newFederation)),
      ({ trustDomain: { name } }, { kind, relationship }) => {
        const view = federationView(registry, relationship);
        if (kind === "created") return done(name, view);
        return refused(
          name,
          serverErrors.error("ERR_FEDERATION_EXISTS", "federation relationship already exists"),
          view,
        );
      },
    ),
});

function newFederation({ trustDomain, change, bundle }: FederationDraft) {
  const { bundleEndpointUrl, profile } = change;
  if (bundleEndpointUrl === undefined || profile === undefined) throw new TypeError("a new relationship is whole");
  return {
    relationship: { trustDomain, bundleEndpointUrl, profile },
    bundle: bundle && SpiffeBundle.of(trustDomain, bundle.parts),
  };
}
