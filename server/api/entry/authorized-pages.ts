import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import { approximateEntryBytes } from "../../domain/entry-size.ts";
import { serverLimits } from "../../limits.ts";

/** One message of SyncAuthorizedEntries. `more`: the next one belongs to the same answer. */
export type AuthorizedPage =
  | { readonly kind: "revisions"; readonly entries: readonly RegistrationEntry[]; readonly more: boolean }
  | { readonly kind: "entries"; readonly entries: readonly RegistrationEntry[]; readonly more: boolean };

/**
 * The first answer: all entries when one page holds them; otherwise the revisions of all, in pages, and the agent asks
 * for those it lacks. An agent takes a first page without revisions for the whole set, so there is never another.
 */
export function* firstAnswer(entries: readonly RegistrationEntry[]): Generator<AuthorizedPage, void> {
  const whole = [...entryPages(entries)];
  if (whole.length === 1) {
    yield* whole;
    return;
  }
  const size = serverLimits.syncPageResources.value;
  for (let from = 0; from < entries.length; from += size) {
    const page = entries.slice(from, from + size);
    yield { kind: "revisions", entries: page, more: from + size < entries.length };
  }
}

/** Entries in full. At least one page; each is far below what a client takes, however large its entries are. */
export function* entryPages(entries: Iterable<RegistrationEntry>): Generator<AuthorizedPage, void> {
  let page: RegistrationEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = approximateEntryBytes(entry);
    const isFull = page.length >= serverLimits.syncPageResources.value;
    if (isFull || (page.length > 0 && bytes + size > serverLimits.syncPageBytes.value)) {
      yield { kind: "entries", entries: page, more: true };
      [page, bytes] = [[], 0];
    }
    page.push(entry);
    bytes += size;
  }
  yield { kind: "entries", entries: page, more: false };
}
