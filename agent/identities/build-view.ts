import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import { type IdentityKey, identityKeyOf } from "../domain/identity-key.ts";
import { withUniqueHints } from "../domain/selection.ts";
import type { WithheldIdentity, WorkloadIdentity, WorkloadView } from "../ports.ts";
import type { HeldSvid } from "./held-svid.ts";

export interface ViewSources {
  /** An SVID that has not expired. */
  readonly heldOf: (key: IdentityKey) => HeldSvid | undefined;
  /** Why there is none; a code of agent/errors.ts. */
  readonly withheldCodeOf: (key: IdentityKey) => string;
  readonly ownBundle: () => SpiffeBundle;
  readonly foreignBundle: (trustDomain: TrustDomain) => SpiffeBundle | undefined;
}

export type ViewContent = Omit<WorkloadView, "version" | "isCurrent">;

/**
 * What a workload may have, given the entries that match it in their order. Hints are made unique over the entries,
 * not over what happens to be servable, so that which identity answers to a hint does not depend on timing.
 */
export function buildViewContent(matched: readonly RegistrationEntry[], sources: ViewSources): ViewContent {
  const identities: WorkloadIdentity[] = [];
  const withheld: WithheldIdentity[] = [];
  const federated = new Map<string, SpiffeBundle>();
  for (const entry of withUniqueHints(matched)) {
    const key = identityKeyOf(entry);
    const held = sources.heldOf(key);
    // After the entry's SPIFFE ID changed, the old identity is one the workload may no longer have.
    if (held === undefined || !held.id.equals(entry.spiffeId)) {
      withheld.push({ entryId: entry.id, id: entry.spiffeId, code: sources.withheldCodeOf(key) });
      continue;
    }
    identities.push({
      entryId: entry.id,
      id: held.id,
      hint: entry.hint,
      federatesWith: entry.federatesWith,
      chainDer: held.chainDer,
      keyDer: held.keyDer,
      expiresAtMs: held.notAfterMs,
    });
    for (const trustDomain of entry.federatesWith) {
      const bundle = sources.foreignBundle(trustDomain);
      if (bundle !== undefined) federated.set(trustDomain.name, bundle);
    }
  }
  const ownBundle = sources.ownBundle();
  federated.delete(ownBundle.trustDomain.name);
  return { identities, ownBundle, federatedBundles: [...federated.values()], withheld };
}

/** Byte arrays and bundles are shared and immutable, so identity of the object is equality of the content. */
export function isSameContent(left: ViewContent, right: ViewContent): boolean {
  return (
    left.ownBundle === right.ownBundle &&
    isSameList(left.federatedBundles, right.federatedBundles, (one, other) => one === other) &&
    isSameList(left.withheld, right.withheld, isSameWithheld) &&
    isSameList(left.identities, right.identities, isSameIdentity)
  );
}

function isSameIdentity(left: WorkloadIdentity, right: WorkloadIdentity): boolean {
  return (
    left.entryId === right.entryId &&
    left.chainDer === right.chainDer &&
    left.hint === right.hint &&
    isSameList(left.federatesWith, right.federatesWith, (one, other) => one.equals(other))
  );
}

function isSameWithheld(left: WithheldIdentity, right: WithheldIdentity): boolean {
  return left.entryId === right.entryId && left.code === right.code && left.id.equals(right.id);
}

function isSameList<T>(left: readonly T[], right: readonly T[], isSame: (one: T, other: T) => boolean): boolean {
  if (left.length !== right.length) return false;
  return left.every((one, index) => {
    const other = right[index];
    return other !== undefined && isSame(one, other);
  });
}
