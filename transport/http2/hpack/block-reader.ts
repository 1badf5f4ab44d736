import { HpackError } from "./hpack-error.ts";
import { decodeHuffman, maxHuffmanDecoded } from "./huffman.ts";

/** Of an integer behind its prefix: 28 bits, far more than any length or index that makes sense. */
const maxIntegerOctets = 4;
const huffmanFlag = 0x80;

/** Where Huffman codes are undone. One for all, since no string takes longer than its call. */
let workspace = Buffer.allocUnsafeSlow(256);

/** The integers and strings of a header block (RFC 7541 §5), in order. All throw HpackError at a block that ends early. */
export class BlockReader {
  readonly #block: Buffer;
  #at = 0;
  #stringBytes = 0;

  constructor(block: Uint8Array) {
    this.#block = Buffer.isBuffer(block) ? block : Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#block.length;
  }

  /** How long the last string was, decoded; also when it was not made. */
  get stringBytes(): number {
    return this.#stringBytes;
  }

  octet(): number {
    const octet = this.#block[this.#at];
    if (octet === undefined) throw new HpackError("a header block ends in the middle of a field");
    this.#at += 1;
    return octet;
  }

  /** `first` has been read, and the lower bits of it that `prefix` masks are the integer's (§5.1). */
  integer(first: number, prefix: number): number {
    const start = first & prefix;
    if (start < prefix) return start;
    let value = prefix;
    for (let octets = 0; octets < maxIntegerOctets; octets += 1) {
      const octet = this.octet();
      value += (octet & 0x7f) << (7 * octets);
      if (octet < 0x80) return value;
    }
    throw new HpackError("an integer of a header block is too large");
  }

  /** A string literal (§5.2), a character an octet; `undefined` instead of one that has more than `maxBytes`. */
  string(maxBytes: number): string | undefined {
    const first = this.octet();
    const length = this.integer(first, 0x7f);
    const start = this.#at;
    const end = start + length;
    if (end > this.#block.length) throw new HpackError("a string of a header block is longer than the block");
    this.#at = end;
    if (first >= huffmanFlag) return this.#huffmanString(start, end, maxBytes);
    this.#stringBytes = length;
    return length > maxBytes ? undefined : this.#block.toString("latin1", start, end);
  }

  #huffmanString(start: number, end: number, maxBytes: number): string | undefined {
    const room = Math.min(maxHuffmanDecoded(end - start), maxBytes);
    if (room > workspace.length) workspace = Buffer.allocUnsafeSlow(Math.max(room, 2 * workspace.length));
    this.#stringBytes = decodeHuffman(this.#block, start, end, workspace);
    return this.#stringBytes > maxBytes ? undefined : workspace.toString("latin1", 0, this.#stringBytes);
  }
}
