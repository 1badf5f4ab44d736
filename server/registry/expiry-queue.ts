import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import { SortedList } from "./sorted-list.ts";

type Expiry = Pick<RegistrationEntry, "expiresAt" | "id">;

function compareExpiry(left: Expiry, right: Expiry): number {
  return left.expiresAt - right.expiresAt || (left.id < right.id ? -1 : left.id > right.id ? 1 : 0);
}

/** Entries that will expire, by when. */
export class ExpiryQueue {
  readonly #entries = new SortedList<Expiry, RegistrationEntry>(compareExpiry);

  add(entry: RegistrationEntry): void {
    if (entry.expiresAt > 0) this.#entries.put(entry);
  }

  remove(entry: RegistrationEntry): void {
    if (entry.expiresAt > 0) this.#entries.delete(entry);
  }

  /** Unix seconds; `undefined` when nothing expires. */
  get next(): number | undefined {
    for (const entry of this.#entries) return entry.expiresAt;
    return undefined;
  }

  /** Takes out what has expired at `nowSeconds`. */
  takeDue(nowSeconds: number): readonly RegistrationEntry[] {
    const due: RegistrationEntry[] = [];
    for (const entry of this.#entries) {
      if (entry.expiresAt > nowSeconds) break;
      due.push(entry);
    }
    for (const entry of due) this.#entries.delete(entry);
    return due;
  }
}
