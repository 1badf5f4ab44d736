/**
 * Reads protobuf's wire format from one buffer. Nothing is believed: what runs past the end, a number that is too large
 * and a group that does not close throw `RangeError`. Byte fields are views of the input.
 */
export class WireReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#position >= this.#bytes.length;
  }

  /** A tag, a length or any other number below 2^32. */
  uint32(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (value > 0xffffffff) break;
      if (byte < 0x80) return value;
    }
    throw new RangeError("a number of the message is too large");
  }

  /** int32, int64 and enumerations, exact up to 2^53. */
  int64(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    throw new RangeError("a number of the message is too large");
  }

  bool(): boolean {
    return this.int64() !== 0;
  }

  double(): number {
    const { buffer, byteOffset } = this.#take(8);
    return new DataView(buffer, byteOffset, 8).getFloat64(0, true);
  }

  /** A view. */
  bytes(): Uint8Array {
    return this.#take(this.uint32());
  }

  /** What is not UTF-8 becomes U+FFFD. */
  string(): string {
    const { buffer, byteOffset, byteLength } = this.bytes();
    return Buffer.from(buffer, byteOffset, byteLength).toString("utf8");
  }

  /** Skips the value of a field by the wire type in its tag; a group with all that is in it. */
  skip(wireType: number): void {
    let open = 0;
    let type = wireType;
    for (;;) {
      if (type === 0) this.int64();
      else if (type === 1) this.#take(8);
      else if (type === 2) this.bytes();
      else if (type === 3) open += 1;
      else if (type === 4 && open > 0) open -= 1;
      else if (type === 5) this.#take(4);
      else throw new RangeError("a field of the message has no legal type");
      if (open === 0) return;
      type = this.uint32() & 7;
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) throw endsEarly();
    this.#position += 1;
    return byte;
  }

  #take(length: number): Uint8Array {
    const end = this.#position + length;
    if (end > this.#bytes.length) throw endsEarly();
    const taken = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return taken;
  }
}

function endsEarly(): RangeError {
  return new RangeError("the message ends in the middle of a field");
}
