import type { TrustDomain } from "../../../spiffe/index.ts";
import { serverErrors } from "../../errors.ts";
import { type Draft, type Prepared, refused, withoutRepeats } from "../batch.ts";
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
  const name = ({ trustDomain }: Work) => trustDomain.name;
  return withoutRepeats(prepared, name, name);
}

export function ownTrustDomain() {
  return serverErrors.error("ERR_OWN_TRUST_DOMAIN", "this is the server's own trust domain, not a federated one");
}

export function bundleNotFound() {
  return serverErrors.error("ERR_BUNDLE_NOT_FOUND", "bundle not found");
}
