import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import { compareEntries } from "../../proto/domain/entry.ts";
import type { Selector } from "../../spiffe/index.ts";

/** What a workload was attested to be. Two with the same selectors have the same `key`. */
export interface SelectorSet {
  readonly key: string;
  /** `type:value` of each. */
  readonly values: ReadonlySet<string>;
}

export function selectorSet(selectors: readonly Selector[]): SelectorSet {
  const values = [...new Set(selectors.map((selector) => selector.toString()))].sort();
  // Selector values may hold any character but NUL is refused by the parser, so it separates.
  return { key: values.join("\0"), values: new Set(values) };
}

/** An entry is for a workload that has every one of its selectors. An entry without selectors is for nobody. */
export function isMatch(entry: Pick<RegistrationEntry, "selectors">, workload: SelectorSet): boolean {
  return entry.selectors.length > 0 && entry.selectors.every((selector) => workload.values.has(selector.toString()));
}

/** The entries of `candidates` for this workload, in the order of entries, each once. */
export function selectEntries(
  candidates: Iterable<RegistrationEntry>,
  workload: SelectorSet,
): readonly RegistrationEntry[] {
  const byId = new Map<string, RegistrationEntry>();
  for (const entry of candidates) if (isMatch(entry, workload)) byId.set(entry.id, entry);
  return [...byId.values()].sort(compareEntries);
}

/**
 * Hints must be unique in one answer (SPIFFE Workload API §5.2.1): of several with one hint the oldest entry stays.
 * `ordered` is in the order of entries. The empty hint means none and may repeat.
 */
export function withUniqueHints<T extends { readonly hint: string }>(ordered: readonly T[]): readonly T[] {
  const taken = new Set<string>();
  return ordered.filter(({ hint }) => {
    if (hint === "") return true;
    if (taken.has(hint)) return false;
    taken.add(hint);
    return true;
  });
}
