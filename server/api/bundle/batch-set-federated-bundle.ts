import type { BundleDraft } from "../../../proto/convert/bundle.ts";
import { SpiffeBundle, type TrustDomain } from "../../../spiffe/index.ts";
import type { FederatedBundleStore } from "../../store/ports.ts";
import { auditTrustDomains, type BatchResult, carryOut, type Draft, done } from "../batch.ts";
import { unaryRpc } from "../rpc.ts";
import { prepareForeign } from "./foreign-item.ts";

export interface BatchSetFederatedBundleNeeds {
  readonly trustDomain: TrustDomain;
  readonly store: Pick<FederatedBundleStore, "setBundles">;
}

/**
 * Creates or replaces. One result per bundle, in order; all in one transaction. Per item: ERR_MALFORMED_REQUEST,
 * ERR_OWN_TRUST_DOMAIN.
 */
export const batchSetFederatedBundle = unaryRpc<
  BatchSetFederatedBundleNeeds,
  readonly Draft<BundleDraft>[],
  readonly BatchResult<SpiffeBundle>[]
>({
  method: "/spire.api.server.bundle.v1.Bundle/BatchSetFederatedBundle",
  callers: ["local", "admin"],
  audit: { kind: "change", items: (_items, results) => auditTrustDomains(results) },
  mask: "bundle",
  handle: async ({ trustDomain: own, store }, items, call) =>
    carryOut(
      await prepareForeign<BundleDraft, SpiffeBundle>(items, own, "bundle", call),
      (drafts) => store.setBundles(drafts.map(({ trustDomain, parts }) => SpiffeBundle.of(trustDomain, parts))),
      ({ trustDomain: { name } }, bundle) => done(name, bundle),
    ),
});
