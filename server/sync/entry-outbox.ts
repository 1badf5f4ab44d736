import { EntrySetDigest } from "../../proto/domain/digest.ts";
import { compareEntries, type RegistrationEntry } from "../../proto/domain/entry.ts";
import type { Position } from "../../proto/domain/link.ts";
import type { EntryDelta } from "../registry/ports.ts";

export interface EntryBatch {
  readonly position: Position;
  readonly upserted: readonly RegistrationEntry[];
  readonly removed: readonly string[];
  /** Of the whole set after this batch. */
  readonly digest: string;
}

/**
 * What one agent has been sent of its entries, and at most one set of changes it has not. However slow the agent, what is
 * held is bounded by its own set: later changes of an entry take the place of earlier ones.
 */
export class EntryOutbox {
  readonly #sent = new Map<string, RegistrationEntry>();
  readonly #pending = new Map<string, RegistrationEntry | undefined>();
  readonly #digest = new EntrySetDigest();
  readonly #federated = new Map<string, number>();
  #position: Position;

  constructor(position: Position) {
    this.#position = position;
  }

  /** Position of the newest change that concerns the agent, sent or not. */
  get position(): Position {
    return this.#position;
  }

  get hasPending(): boolean {
    return this.#pending.size > 0;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Names of trust domains that the entries sent federate with. */
  federatedTrustDomains(): Iterable<string> {
    return this.#federated.keys();
  }

  /** The agent holds `entries` once it has applied what is sent next: a snapshot of them, or a resumption. */
  reset(entries: readonly RegistrationEntry[], position: Position): string {
    for (const entry of [...this.#sent.values()]) this.#replace(entry.id, undefined);
    for (const entry of entries) this.#replace(entry.id, entry);
    this.#advance(position);
    return this.#digest.hex();
  }

  apply(delta: EntryDelta): void {
    for (const entry of delta.upserted) this.#pending.set(entry.id, entry);
    for (const id of delta.removed) this.#pending.set(id, undefined);
    this.#advance(delta.position);
  }

  /** Everything pending as one batch, now counted as sent; `undefined` when it amounts to nothing. */
  take(): EntryBatch | undefined {
    const upserted: RegistrationEntry[] = [];
    const removed: string[] = [];
    for (const [id, entry] of this.#pending) {
      const held = this.#sent.get(id);
      if (held === entry) continue;
      if (entry === undefined) removed.push(id);
      else upserted.push(entry);
      this.#replace(id, entry);
    }
    this.#pending.clear();
    if (upserted.length === 0 && removed.length === 0) return undefined;
    upserted.sort(compareEntries);
    return { position: this.#position, upserted, removed, digest: this.#digest.hex() };
  }

  #replace(id: string, entry: RegistrationEntry | undefined): void {
    const held = this.#sent.get(id);
    if (held !== undefined) {
      this.#digest.toggle(held);
      for (const trustDomain of held.federatesWith) this.#count(trustDomain.name, -1);
    }
    if (entry === undefined) this.#sent.delete(id);
    else {
      this.#sent.set(id, entry);
      this.#digest.toggle(entry);
      for (const trustDomain of entry.federatesWith) this.#count(trustDomain.name, 1);
    }
  }

  #count(name: string, step: number): void {
    const count = (this.#federated.get(name) ?? 0) + step;
    if (count > 0) this.#federated.set(name, count);
    else this.#federated.delete(name);
  }

  #advance(position: Position): void {
    if (position.epoch !== this.#position.epoch || position.n > this.#position.n) this.#position = position;
  }
}
