import type { BundleDraft } from "../../../proto/convert/bundle.ts";
import type { SpiffeBundle, TrustDomain } from "../../../spiffe/index.ts";
import type { FederatedBundleStore } from "../../store/ports.ts";
import { auditTrustDomains, type BatchResult, carryOut, type Draft, done, refused } from "../batch.ts";
import { unaryRpc } from "../rpc.ts";
import { bundleNotFound, prepareForeign } from "./foreign-item.ts";

export interface BatchUpdateFederatedBundleNeeds {
  readonly trustDomain: TrustDomain;
  readonly store: Pick<FederatedBundleStore, "updateBundles">;
}

/**
 * Writes the parts that the drafts have. One result per bundle, in order; all in one transaction. Per item:
 * ERR_MALFORMED_REQUEST, ERR_OWN_TRUST_DOMAIN, ERR_BUNDLE_NOT_FOUND.
 */
export const batchUpdateFederatedBundle = unaryRpc<
  BatchUpdateFederatedBundleNeeds,
  readonly Draft<BundleDraft>[],
  readonly BatchResult<SpiffeBundle>[]
>({
  method: "/spire.api.server.bundle.v1.Bundle/BatchUpdateFederatedBundle",
  callers: ["local", "admin"],
  audit: { kind: "change", items: (_items, results) => auditTrustDomains(results) },
  mask: "bundle",
  handle: async ({ trustDomain: own, store }, items, call) =>
    carryOut(
      await prepareForeign<BundleDraft, SpiffeBundle>(items, own, "bundle", call),
      (drafts) => store.updateBundles(drafts.map(({ trustDomain, parts }) => ({ trustDomain, change: parts }))),
      ({ trustDomain: { name } }, outcome) =>
        outcome.kind === "updated" ? done(name, outcome.bundle) : refused(name, bundleNotFound()),
    ),
});
