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

  /** Visible ASCII, which the caller has checked. */
  ascii(text: string): void {
    for (let i = text.length - 1; i >= 0; i--) this.octet(text.charCodeAt(i));
  }

  octet(value: number): void {
    if (this.#at <= 0) throw new RangeError("the splice is larger than its capacity");
    this.#buffer[--this.#at] = value;
  }

  header(tagOctet: number, end: number): void {
    const length = end - this.#at;
    if (length < 0x80) {
      this.octet(length);
    } else {
      let count = 0;
      for (let rest = length; rest > 0; rest >>>= 8, count++) this.octet(rest & 0xff);
      this.octet(0x80 | count);
    }
    this.octet(tagOctet);
  }

  sequence(end: number): void {
    this.header(tag.sequence, end);
  }

  /** A view of the buffer: large typed arrays are dear to allocate, so there is no second one. */
  toBytes(): Uint8Array {
    return this.#buffer.subarray(this.#at);
  }
}
