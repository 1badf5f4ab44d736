import { createHash } from "node:crypto";
import type { RegistrationEntry } from "./entry.ts";

/**
 * The digest of an authorised set that sync pages carry: the XOR of one SHA-256 per entry, so that adding and
 * removing an entry are the same cheap step and order plays no part. It finds drift between two honest parties.
 */
export class EntrySetDigest {
  readonly #sum = new Uint8Array(32);

  /** Adds `entry`, or removes it when it was added before. */
  toggle(entry: Pick<RegistrationEntry, "id" | "revisionNumber" | "createdAt">): void {
    const text = `${entry.id}\0${entry.revisionNumber}\0${entry.createdAt}`;
    const one = createHash("sha256").update(text).digest();
    for (let index = 0; index < 32; index += 1) this.#sum[index] = (this.#sum[index] ?? 0) ^ (one[index] ?? 0);
  }

  /** Lower-case hex. */
  hex(): string {
    return Buffer.from(this.#sum).toString("hex");
  }
}
