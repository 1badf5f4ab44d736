import { compareEntries, type RegistrationEntry } from "../../proto/domain/entry.ts";
import type { EntryGraph } from "../domain/authorized-entries.ts";
import { MultiMap } from "./multi-map.ts";
import { SortedList } from "./sorted-list.ts";

export type EntryPlace = Pick<RegistrationEntry, "createdAt" | "id">;

/** Entries by id, in order, and by what they are looked up by. Shared, immutable values. */
export class EntryIndex implements EntryGraph {
  readonly #byId = new Map<string, RegistrationEntry>();
  readonly #sorted = new SortedList<EntryPlace, RegistrationEntry>(compareEntries);
  readonly #byParent = new MultiMap<RegistrationEntry>();
  readonly #bySpiffeId = new MultiMap<RegistrationEntry>();
  /** Made at the first look-up: only list filters of admins ask for it, and it is the largest index. */
  #bySelector: MultiMap<RegistrationEntry> | undefined;
  /** By parent: the entries whose SPIFFE ID has children. */
  readonly #links = new MultiMap<RegistrationEntry>();
  readonly #byHint = new MultiMap<RegistrationEntry>();

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): RegistrationEntry | undefined {
    return this.#byId.get(id);
  }

  put(entry: RegistrationEntry): void {
    this.remove(entry.id);
    const [parentId, spiffeId] = [entry.parentId.toString(), entry.spiffeId.toString()];
    this.#byId.set(entry.id, entry);
    this.#sorted.put(entry);
    if (!this.#byParent.has(parentId)) {
      for (const link of this.#bySpiffeId.get(parentId)) this.#links.add(link.parentId.toString(), link);
    }
    this.#byParent.add(parentId, entry);
    this.#bySpiffeId.add(spiffeId, entry);
    if (this.#byParent.has(spiffeId)) this.#links.add(parentId, entry);
    if (this.#bySelector !== undefined) addSelectors(this.#bySelector, entry);
    if (entry.hint !== "") this.#byHint.add(entry.hint, entry);
  }

  remove(id: string): void {
    const entry = this.#byId.get(id);
    if (entry === undefined) return;
    const [parentId, spiffeId] = [entry.parentId.toString(), entry.spiffeId.toString()];
    this.#byId.delete(id);
    this.#sorted.delete(entry);
    this.#links.delete(parentId, entry);
    this.#byParent.delete(parentId, entry);
    this.#bySpiffeId.delete(spiffeId, entry);
    if (!this.#byParent.has(parentId)) {
      for (const link of this.#bySpiffeId.get(parentId)) this.#links.delete(link.parentId.toString(), link);
    }
    for (const selector of entry.selectors) this.#bySelector?.delete(selector.toString(), entry);
    if (entry.hint !== "") this.#byHint.delete(entry.hint, entry);
  }

  childrenOf(parentId: string): Iterable<RegistrationEntry> {
    return this.#byParent.get(parentId);
  }

  hasChildren(parentId: string): boolean {
    return this.#byParent.has(parentId);
  }

  linksOf(parentId: string): Iterable<RegistrationEntry> {
    return this.#links.get(parentId);
  }

  entriesOf(spiffeId: string): Iterable<RegistrationEntry> {
    return this.#bySpiffeId.get(spiffeId);
  }

  withHint(hint: string): Iterable<RegistrationEntry> {
    return this.#byHint.get(hint);
  }

  /** Each once. */
  withAnySelector(selectors: Iterable<string>): ReadonlySet<RegistrationEntry> {
    const index = this.#selectorIndex();
    const found = new Set<RegistrationEntry>();
    for (const selector of selectors) for (const entry of index.get(selector)) found.add(entry);
    return found;
  }

  /** In the order of (created_at, id). */
  inOrder(): Iterable<RegistrationEntry> {
    return this.#sorted;
  }

  inOrderAfter(place: EntryPlace): Iterable<RegistrationEntry> {
    return this.#sorted.after(place);
  }

  #selectorIndex(): MultiMap<RegistrationEntry> {
    if (this.#bySelector !== undefined) return this.#bySelector;
    const index = new MultiMap<RegistrationEntry>();
    for (const entry of this.#byId.values()) addSelectors(index, entry);
    this.#bySelector = index;
    return index;
  }
}

function addSelectors(index: MultiMap<RegistrationEntry>, entry: RegistrationEntry): void {
  for (const selector of entry.selectors) index.add(selector.toString(), entry);
}
