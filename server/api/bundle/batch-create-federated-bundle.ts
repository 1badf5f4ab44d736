import type { BundleDraft } from "../../../proto/convert/bundle.ts";
import { SpiffeBundle, type TrustDomain } from "../../../spiffe/index.ts";
import { serverErrors } from "../../errors.ts";
import type { FederatedBundleStore } from "../../store/ports.ts";
import { auditTrustDomains, type BatchResult, carryOut, type Draft, done, refused } from "../batch.ts";
import { unaryRpc } from "../rpc.ts";
import { prepareForeign } from "./foreign-item.ts";

export interface BatchCreateFederatedBundleNeeds {
  readonly trustDomain: TrustDomain;
  readonly store: Pick<FederatedBundleStore, "createBundles">;
}

/**
 * One result per bundle, in order; all in one transaction. Per item: ERR_MALFORMED_REQUEST, ERR_OWN_TRUST_DOMAIN,
 * ERR_BUNDLE_EXISTS (with the bundle in the way).
 */
export const batchCreateFederatedBundle = unaryRpc<
  BatchCreateFederatedBundleNeeds,
  readonly Draft<BundleDraft>[],
  readonly BatchResult<SpiffeBundle>[]
>({
  method: "/spire.api.server.bundle.v1.Bundle/BatchCreateFederatedBundle",
  callers: ["local", "admin"],
  audit: { kind: "change", items: (_items, results) => auditTrustDomains(results) },
  mask: "bundle",
  handle: async ({ trustDomain: own, store }, items, call) =>
    carryOut(
      await prepareForeign<BundleDraft, SpiffeBundle>(items, own, "bundle", call),
      (drafts) => store.createBundles(drafts.map(({ trustDomain, parts }) => SpiffeBundle.of(trustDomain, parts))),
      ({ trustDomain: { name } }, { kind, bundle }) => {
        if (kind === "created") return done(name, bundle);
        return refused(name, serverErrors.error("ERR_BUNDLE_EXISTS", "bundle already exists"), bundle);
      },
    ),
});
