/** RFC 7541 §4.1: what an entry counts beside its octets. */
export const entryOverheadBytes = 32;

const firstSlots = 8;

/**
 * The dynamic table of RFC 7541 §2.3.2 and §4, in a ring: nothing moves when an entry comes or goes. It takes no memory
 * before its first entry, and forgets evicted strings at once.
 */
export class DynamicTable {
  /** Slot n's name stands at 2n, its value behind it. The number of slots is a power of two. */
  #ring: string[] = [];
  #mask = -1;
  #newest = 0;
  #count = 0;
  #bytes = 0;
  #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#count;
  }

  /** In the counting of §4.1. */
  get bytes(): number {
    return this.#bytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** `age` 0 is the newest entry; below `count`. */
  name(age: number): string {
    return this.#ring[2 * ((this.#newest - age) & this.#mask)] ?? "";
  }

  value(age: number): string {
    return this.#ring[2 * ((this.#newest - age) & this.#mask) + 1] ?? "";
  }

  /** An entry that is larger than the table empties it and is not kept (§4.4). */
  insert(name: string, value: string): void {
    const bytes = name.length + value.length + entryOverheadBytes;
    if (bytes > this.#maxBytes) {
      this.clear();
      return;
    }
    this.#evictTo(this.#maxBytes - bytes);
    if (this.#count > this.#mask) this.#grow();
    this.#newest = (this.#newest + 1) & this.#mask;
    this.#ring[2 * this.#newest] = name;
    this.#ring[2 * this.#newest + 1] = value;
    this.#count += 1;
    this.#bytes += bytes;
  }

  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  clear(): void {
    this.#ring = [];
    this.#mask = -1;
    this.#newest = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  #evictTo(bytes: number): void {
    while (this.#bytes > bytes) {
      const oldest = this.#count - 1;
      this.#bytes -= this.name(oldest).length + this.value(oldest).length + entryOverheadBytes;
      const slot = 2 * ((this.#newest - oldest) & this.#mask);
      this.#ring[slot] = "";
      this.#ring[slot + 1] = "";
      this.#count = oldest;
    }
  }

  #grow(): void {
    const ring: string[] = [];
    for (let age = this.#count - 1; age >= 0; age -= 1) ring.push(this.name(age), this.value(age));
    const slots = Math.max(firstSlots, 2 * this.#count);
    while (ring.length < 2 * slots) ring.push("");
    this.#ring = ring;
    this.#mask = slots - 1;
    this.#newest = (this.#count - 1) & this.#mask;
  }
}
