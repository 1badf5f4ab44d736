import type { TrustDomain } from "../../../spiffe/index.ts";
import { serverErrors } from "../../errors.ts";
import type { BundleDeleteMode, FederatedBundleStore } from "../../store/ports.ts";
import { auditTrustDomains, type BatchResult, carryOut, type Draft, done, refused } from "../batch.ts";
import { unaryRpc } from "../rpc.ts";
import { bundleNotFound, prepareForeign } from "./foreign-item.ts";

export interface BatchDeleteFederatedBundleNeeds {
  readonly trustDomain: TrustDomain;
  readonly store: Pick<FederatedBundleStore, "deleteBundles">;
}

export interface BatchDeleteFederatedBundleRequest {
  readonly items: readonly Draft<{ readonly trustDomain: TrustDomain }>[];
  readonly mode: BundleDeleteMode;
}

/**
 * One result per trust domain, in order; all in one transaction with the entries concerned; `value` is how many those
 * were. Per item: ERR_MALFORMED_REQUEST, ERR_OWN_TRUST_DOMAIN, ERR_BUNDLE_NOT_FOUND, ERR_BUNDLE_IN_USE.
 */
export const batchDeleteFederatedBundle = unaryRpc<
  BatchDeleteFederatedBundleNeeds,
  BatchDeleteFederatedBundleRequest,
  readonly BatchResult<number>[]
>({
  method: "/spire.api.server.bundle.v1.Bundle/BatchDeleteFederatedBundle",
  callers: ["local", "admin"],
  audit: {
    kind: "change",
    fields: ({ mode }) => ({ mode }),
    items: (_request, results) =>
      auditTrustDomains(results).map((item, index) => ({ ...item, entries: results[index]?.value ?? 0 })),
  },
  handle: async ({ trustDomain: own, store }, { items, mode }, call) =>
    carryOut(
      await prepareForeign<{ readonly trustDomain: TrustDomain }, number>(items, own, "bundle", call),
      (works) =>
        store.deleteBundles(
          works.map(({ trustDomain }) => trustDomain),
          mode,
        ),
      ({ trustDomain: { name } }, outcome) => {
        switch (outcome.kind) {
          case "deleted":
            return done(name, outcome.entries);
          case "not-found":
            return refused(name, bundleNotFound());
          case "in-use":
            return refused(name, bundleInUse(outcome.entries));
        }
      },
    ),
});

function bundleInUse(entries: number) {
  const who = entries === 1 ? "1 entry federates" : `${entries} entries federate`;
  return serverErrors.error("ERR_BUNDLE_IN_USE", `the bundle is not deleted: ${who} with its trust domain`);
}
