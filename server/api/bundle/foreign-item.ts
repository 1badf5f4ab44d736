import type { TrustDomain } from "../../../spiffe/index.ts";
import { commonErrors } from "../../../transport/errors/common.ts";
import { serverErrors } from "../../errors.ts";
import { serverLimits } from "../../limits.ts";
import { type Draft, type Prepared, refused } from "../batch.ts";
import type { Call } from "../rpc.ts";

/**
 * What of a batch over other trust domains may be carried out: well-formed, not of the own one, allowed, and none of them
 * again and again.
 */
export async function prepareForeign<Work extends { readonly trustDomain: TrustDomain }, Value>(
  items: readonly Draft<Work>[],
  own: TrustDomain,
  kind: "bundle" | "federation",
  call: Call,
): Promise<readonly Prepared<Work, Value>[]> {
  const prepared = await Promise.all(
    items.map(async (item): Promise<Prepared<Work, Value>> => {
      const { name } = item;
      if (item.kind === "malformed") return { kind: "refused", result: refused(name, item.error) };
      const { trustDomain } = item.value;
      if (trustDomain.equals(own)) return { kind: "refused", result: refused(name, ownTrustDomain()) };
      const refusal = await call.refusalOf({ kind, id: trustDomain.name });
      if (refusal !== undefined) return { kind: "refused", result: refused(name, refusal) };
      return { kind: "work", work: item.value };
    }),
  );
  const named = new Map<string, number>();
  return prepared.map((one) => {
    if (one.kind === "refused") return one;
    const { name } = one.work.trustDomain;
    const times = (named.get(name) ?? 0) + 1;
    named.set(name, times);
    return times <= serverLimits.batchRepeats.value ? one : { kind: "refused", result: refused(name, namedTooOften()) };
  });
}

function namedTooOften() {
  const most = serverLimits.batchRepeats.value;
  return commonErrors.error("ERR_MALFORMED_REQUEST", `the batch names this trust domain more than ${most} times`);
}

export function ownTrustDomain() {
  return serverErrors.error("ERR_OWN_TRUST_DOMAIN", "this is the server's own trust domain, not a federated one");
}

export function bundleNotFound() {
  return serverErrors.error("ERR_BUNDLE_NOT_FOUND", "bundle not found");
}
