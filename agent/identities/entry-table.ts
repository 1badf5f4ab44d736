import { EntrySetDigest } from "../../proto/domain/digest.ts";
import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import { type SelectorSet, selectEntries } from "../domain/selection.ts";
import { SelectorIndex } from "./selector-index.ts";

export interface EntryChange {
  /** Whatever is held and not in `upserts` is gone. */
  readonly isSnapshot: boolean;
  readonly upserts: readonly RegistrationEntry[];
  readonly removed: readonly string[];
}

export interface EntryDiff {
  /** `before` is `undefined` for an entry that is new here. */
  readonly changed: readonly { readonly before: RegistrationEntry | undefined; readonly after: RegistrationEntry }[];
  readonly removed: readonly RegistrationEntry[];
}

/** The entries this agent is authorised for. Changes only by applying whole change sets of the sync stream. */
export class EntryTable {
  readonly #entries = new Map<string, RegistrationEntry>();
  readonly #index = new SelectorIndex<RegistrationEntry>();
  #digest = new EntrySetDigest();

  get size(): number {
    return this.#entries.size;
  }

  get(id: string): RegistrationEntry | undefined {
    return this.#entries.get(id);
  }

  values(): IterableIterator<RegistrationEntry> {
    return this.#entries.values();
  }

  /** Of the whole set; see proto/domain/digest.ts. */
  digestHex(): string {
    return this.#digest.hex();
  }

  matching(workload: SelectorSet): readonly RegistrationEntry[] {
    return selectEntries(this.#index.candidates(workload), workload);
  }

  hasSelector(type: string, prefix: string): boolean {
    return this.#index.hasSelector(type, prefix);
  }

  /** Idempotent. An entry that comes again as it was is not in the diff. */
  apply(change: EntryChange): EntryDiff {
    const incoming = new Map(change.upserts.map((entry) => [entry.id, entry]));
    const gone = change.isSnapshot
      ? [...this.#entries.keys()].filter((id) => !incoming.has(id))
      : change.removed.filter((id) => !incoming.has(id));
    const removed: RegistrationEntry[] = [];
    for (const id of gone) {
      const entry = this.#drop(id);
      if (entry !== undefined) removed.push(entry);
    }
    const changed: EntryDiff["changed"][number][] = [];
    for (const after of incoming.values()) {
      const before = this.#entries.get(after.id);
      if (before !== undefined && isSameRevision(before, after)) continue;
      this.#drop(after.id);
      this.#entries.set(after.id, after);
      this.#index.add(after);
      this.#digest.toggle(after);
      changed.push({ before, after });
    }
    return { changed, removed };
  }

  #drop(id: string): RegistrationEntry | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    this.#entries.delete(id);
    this.#index.remove(entry);
    this.#digest.toggle(entry);
    return entry;
  }
}

/** An entry that was deleted and made again with the same id starts at revision 0, hence the time. */
function isSameRevision(left: RegistrationEntry, right: RegistrationEntry): boolean {
  return left.revisionNumber === right.revisionNumber && left.createdAt === right.createdAt;
}
