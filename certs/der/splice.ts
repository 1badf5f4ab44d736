import { tag } from "./tags.ts";

/**
 * Writes DER from the back to the front into one buffer. When a header is due, the length of what it encloses is known,
 * so no byte is copied twice: on the issuing path this is several times cheaper than nesting elements.
 * The capacity is the caller's promise; to break it is a programming error (RangeError), not input's.
 */
export class DerSplice {
  readonly #buffer: Uint8Array;
  #at: number;

  constructor(capacity: number) {
    this.#buffer = new Uint8Array(capacity);
    this.#at = capacity;
  }

  /** Where the next byte goes before; give it to `header` later to enclose everything written since. */
  get mark(): number {
    return this.#at;
  }

  bytes(part: Uint8Array): void {
    this.#at -= part.length;
    this.#buffer.set(part, this.#at);
  }

  header(tagOctet: number, end: number): void {
    const length = end - this.#at;
    if (length < 0x80) {
      this.#put(length);
    } else {
      let count = 0;
      for (let rest = length; rest > 0; rest >>>= 8, count++) this.#put(rest & 0xff);
      this.#put(0x80 | count);
    }
    this.#put(tagOctet);
  }

  sequence(end: number): void {
    this.header(tag.sequence, end);
  }

  toBytes(): Uint8Array {
    return this.#buffer.slice(this.#at);
  }

  #put(octet: number): void {
    if (this.#at <= 0) throw new RangeError("the splice is larger than its capacity");
    this.#buffer[--this.#at] = octet;
  }
}
