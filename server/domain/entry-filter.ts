import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { Selector, SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import { matchesSet, type SetMatch } from "./set-match.ts";

/** Everything present must hold; an empty filter matches every entry. */
export interface EntryFilter {
  readonly spiffeId?: SpiffeId;
  readonly parentId?: SpiffeId;
  readonly selectors?: { readonly match: SetMatch; readonly selectors: readonly Selector[] };
  readonly federatesWith?: { readonly match: SetMatch; readonly trustDomains: readonly TrustDomain[] };
  readonly hint?: string;
  /** Only `true` filters on the wire (spire-wire §2.4); the converter leaves it out otherwise. */
  readonly downstream?: true;
}

/** A predicate of `filter`, with its sets built once. */
export function entryPredicate(filter: EntryFilter): (entry: RegistrationEntry) => boolean {
  const spiffeId = filter.spiffeId?.toString();
  const parentId = filter.parentId?.toString();
  const selectors = filter.selectors && new Set(filter.selectors.selectors.map(String));
  const trustDomains = filter.federatesWith && new Set(filter.federatesWith.trustDomains.map(String));
  return (entry) =>
    (spiffeId === undefined || entry.spiffeId.toString() === spiffeId) &&
    (parentId === undefined || entry.parentId.toString() === parentId) &&
    (filter.hint === undefined || entry.hint === filter.hint) &&
    (filter.downstream === undefined || entry.downstream) &&
    (filter.selectors === undefined ||
      selectors === undefined ||
      matchesSet(entry.selectors.map(String), selectors, filter.selectors.match)) &&
    (filter.federatesWith === undefined ||
      trustDomains === undefined ||
      matchesSet(entry.federatesWith.map(String), trustDomains, filter.federatesWith.match));
}

/** One text per filter, whatever the order of its lists: what a page token is bound to. */
export function entryFilterKey(filter: EntryFilter): string {
  return JSON.stringify([
    filter.spiffeId ?? null,
    filter.parentId ?? null,
    filter.selectors ? [filter.selectors.match, ...filter.selectors.selectors.map(String).sort()] : null,
    filter.federatesWith ? [filter.federatesWith.match, ...filter.federatesWith.trustDomains.map(String).sort()] : null,
    filter.hint ?? null,
    filter.downstream ?? null,
  ]);
}
