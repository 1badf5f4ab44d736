/** Writes protobuf's wire format: `new WireWriter().uint32(tag).string("…").finish()`. */
export class WireWriter {
  readonly #parts: Uint8Array[] = [];

  /** A tag or any other number below 2^32. */
  uint32(value: number): this {
    return this.#varint(BigInt(value));
  }

  /** int32, int64 and enumerations: integers within ±2^53. */
  int64(value: number): this {
    return this.#varint(BigInt.asUintN(64, BigInt(value)));
  }

  bool(value: boolean): this {
    return this.uint32(value ? 1 : 0);
  }

  double(value: number): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    this.#parts.push(bytes);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.uint32(value.length);
    this.#parts.push(value);
    return this;
  }

  string(value: string): this {
    return this.bytes(Buffer.from(value, "utf8"));
  }

  /** A message within the message. */
  message(write: (inner: WireWriter) => void): this {
    const inner = new WireWriter();
    write(inner);
    return this.bytes(inner.finish());
  }

  /** All of it, in a buffer of its own. */
  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  #varint(value: bigint): this {
    const bytes: number[] = [];
    let rest = value;
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.#parts.push(Uint8Array.from(bytes));
    return this;
  }
}
