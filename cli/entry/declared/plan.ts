import type { Entry } from "../../../proto/gen/spire/api/types/Entry.ts";
import { documentOf, type EntryDocument, identityOf } from "./document.ts";
import { ownerOf } from "./ownership.ts";

/** An entry of the files; its id is set. */
export interface DeclaredEntry {
  readonly entry: Entry & { readonly id: string };
  /** Where it is written, for problems. */
  readonly where: string;
}

export interface Change {
  readonly field: string;
  readonly from: unknown;
  readonly to: unknown;
}

export interface Plan {
  readonly create: readonly DeclaredEntry[];
  readonly update: readonly (DeclaredEntry & { readonly changes: readonly Change[] })[];
  readonly remove: readonly EntryDocument[];
  readonly unchanged: number;
  /** What makes the files impossible to apply. */
  readonly problems: readonly string[];
}

/**
 * What to do so that the server has what the files declare. Entries are compared by id. Only entries of `owner` are ever
 * removed, and only with `prune`. Pure.
 */
export function planOf(
  declared: readonly DeclaredEntry[],
  existing: readonly Entry[],
  owner: string | undefined,
  prune: boolean,
): Plan {
  const known = new Map(existing.map(documentOf).map((document) => [document.id ?? "", document]));
  const wanted = new Map(declared.map((one) => [one.entry.id, one]));
  const remove = prune
    ? [...known.values()].filter(({ id = "" }) => owner !== undefined && ownerOf(id) === owner && !wanted.has(id))
    : [];
  const create = declared.filter(({ entry }) => !known.has(entry.id));
  const both = declared.flatMap((one) => {
    const before = known.get(one.entry.id);
    return before === undefined ? [] : [{ ...one, changes: changesBetween(before, documentOf(one.entry)) }];
  });
  const update = both.filter(({ changes }) => changes.length > 0);
  const removed = new Set(remove.map(({ id }) => id));
  const others = [...known.values()].filter(({ id = "" }) => !wanted.has(id) && !removed.has(id));
  const problems = [...repeated(declared), ...taken([...create, ...update], others)];
  return { create, update, remove, unchanged: both.length - update.length, problems };
}

/** By field, of two entries. */
export function changesBetween(before: EntryDocument, after: EntryDocument): readonly Change[] {
  const [left, right] = [
    new Map<string, unknown>(Object.entries(before)),
    new Map<string, unknown>(Object.entries(after)),
  ];
  const fields = new Set([...left.keys(), ...right.keys()]);
  return [...fields]
    .map((field) => ({ field, from: left.get(field), to: right.get(field) }))
    .filter(({ from, to }) => JSON.stringify(from) !== JSON.stringify(to));
}

function repeated(declared: readonly DeclaredEntry[]): readonly string[] {
  const seen = new Map<string, string>();
  return declared.flatMap(({ entry, where }) => {
    const keys = [`the id ${entry.id}`, identityOf(documentOf(entry))];
    const first = keys.map((key) => seen.get(key)).find((at) => at !== undefined);
    for (const key of keys) if (!seen.has(key)) seen.set(key, where);
    return first === undefined ? [] : [`${where}: is the same entry as ${first}`];
  });
}

/** Two entries of one identity cannot be: SPIFFE ID, parent and selectors. */
function taken(declared: readonly DeclaredEntry[], others: readonly EntryDocument[]): readonly string[] {
  const ids = new Map(others.map((other) => [identityOf(other), other.id ?? ""]));
  return declared.flatMap(({ entry, where }) => {
    const id = ids.get(identityOf(documentOf(entry)));
    if (id === undefined) return [];
    return [`${where}: is on the server as ${id}: write "id: ${id}" to manage that entry here, or delete it`];
  });
}
