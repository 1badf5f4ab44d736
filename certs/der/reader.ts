import { CertsError } from "../errors.ts";
import { certsLimits } from "../limits.ts";
import { decodeOid } from "./oid.ts";
import { tag } from "./tags.ts";
import { decodeTime } from "./time.ts";

/** One element. Its bytes are views into the input, not copies, and are made when they are asked for. */
export class DerElement {
  readonly tag: number;
  readonly #source: Uint8Array;
  readonly #start: number;
  readonly #contentStart: number;
  readonly #end: number;

  constructor(source: Uint8Array, start: number, contentStart: number, end: number) {
    this.tag = source[start] ?? 0;
    this.#source = source;
    this.#start = start;
    this.#contentStart = contentStart;
    this.#end = end;
  }

  get content(): Uint8Array {
    return this.#source.subarray(this.#contentStart, this.#end);
  }

  /** Identifier, length and content. */
  get bytes(): Uint8Array {
    return this.#source.subarray(this.#start, this.#end);
  }
}

export interface DerReaderLimits {
  readonly maxBytes?: number;
  readonly maxDepth?: number;
}

/**
 * A cursor over DER that accepts nothing else (X.690 §10–11): definite minimal lengths, minimal INTEGERs, BOOLEANs of
 * 00 or FF, zero padding bits, sorted SET OFs. It never reads outside its range, and fails only with ERR_DER_… codes.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #depth: number;
  #offset: number;

  private constructor(bytes: Uint8Array, offset: number, end: number, depth: number) {
    this.#bytes = bytes;
    this.#offset = offset;
    this.#end = end;
    this.#depth = depth;
  }

  static over(bytes: Uint8Array, limits: DerReaderLimits = {}): DerReader {
    const maxBytes = limits.maxBytes ?? certsLimits.derBytes.value;
    if (bytes.length > maxBytes) {
      throw new CertsError("ERR_DER_TOO_LARGE", `${bytes.length} bytes, at most ${maxBytes} are accepted`);
    }
    return new DerReader(bytes, 0, bytes.length, limits.maxDepth ?? certsLimits.derDepth.value);
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#end;
  }

  /** `undefined` at the end. */
  peekTag(): number | undefined {
    return this.isAtEnd ? undefined : this.#bytes[this.#offset];
  }

  /** Throws ERR_DER_TRAILING_DATA unless everything was read. */
  finish(): void {
    if (!this.isAtEnd) {
      throw new CertsError("ERR_DER_TRAILING_DATA", `${this.#end - this.#offset} bytes behind the last element`);
    }
  }

  /** The next element whatever it is. High tag numbers and the end-of-contents octet are refused. */
  readElement(): DerElement {
    const start = this.#offset;
    const contentStart = this.#pass();
    return new DerElement(this.#bytes, start, contentStart, this.#offset);
  }

  /** Content of the next element, which must have this identifier octet. */
  read(expectedTag: number): Uint8Array {
    this.#expect(expectedTag);
    return this.#bytes.subarray(this.#pass(), this.#offset);
  }

  readWhole(expectedTag: number): DerElement {
    this.#expect(expectedTag);
    return this.readElement();
  }

  /** A reader of the content of the next element (SEQUENCE, SET or a constructed context tag), one level deeper. */
  enter(expectedTag: number = tag.sequence): DerReader {
    if (this.#depth <= 0) throw new CertsError("ERR_DER_TOO_DEEP", "nested deeper than the reader follows");
    this.#expect(expectedTag);
    return new DerReader(this.#bytes, this.#pass(), this.#offset, this.#depth - 1);
  }

  /** Like `enter` when the next element has this tag, otherwise `undefined` and nothing is read. */
  enterOptional(expectedTag: number): DerReader | undefined {
    return this.peekTag() === expectedTag ? this.enter(expectedTag) : undefined;
  }

  /** All elements of the rest; their number is bounded. */
  readAll(maxItems: number = certsLimits.derListItems.value): readonly DerElement[] {
    const items: DerElement[] = [];
    while (!this.isAtEnd) {
      if (items.length >= maxItems) throw new CertsError("ERR_DER_TOO_LARGE", `list of more than ${maxItems} elements`);
      items.push(this.readElement());
    }
    return items;
  }

  /** Elements of a SET OF, which DER wants in ascending order of their encodings (X.690 §11.6). */
  readSetOf(expectedTag: number = tag.set, maxItems?: number): readonly DerElement[] {
    const items = this.enter(expectedTag).readAll(maxItems);
    for (let i = 1; i < items.length; i++) {
      const [before, after] = [items[i - 1], items[i]];
      if (before !== undefined && after !== undefined && Buffer.compare(before.bytes, after.bytes) > 0) {
        throw new CertsError("ERR_DER_NOT_CANONICAL", "elements of a set are not in order");
      }
    }
    return items;
  }

  readBoolean(): boolean {
    const content = this.read(tag.boolean);
    if (content.length !== 1) throw new CertsError("ERR_DER_NOT_CANONICAL", "BOOLEAN is not one byte");
    if (content[0] !== 0 && content[0] !== 0xff) {
      throw new CertsError("ERR_DER_NOT_CANONICAL", "BOOLEAN is neither 00 nor FF");
    }
    return content[0] === 0xff;
  }

  /** `BOOLEAN DEFAULT FALSE`: DER forbids writing the default (X.690 §11.5). */
  readDefaultFalse(): boolean {
    if (this.peekTag() !== tag.boolean) return false;
    if (!this.readBoolean()) throw new CertsError("ERR_DER_NOT_CANONICAL", "a default value is written out");
    return true;
  }

  /** Two's complement content of an INTEGER, minimal. */
  readInteger(): Uint8Array {
    return checkedInteger(this.read(tag.integer));
  }

  /** Magnitude of an INTEGER that must not be negative, without the sign byte. */
  readUnsignedInteger(): Uint8Array {
    const content = this.readInteger();
    if (((content[0] ?? 0) & 0x80) !== 0) throw new CertsError("ERR_DER_UNEXPECTED", "INTEGER is negative");
    return content.length > 1 && content[0] === 0 ? content.subarray(1) : content;
  }

  /** A number below 2³¹, for versions and counts. */
  readSmallInteger(): number {
    const magnitude = this.readUnsignedInteger();
    const value =
      magnitude.length > 4 ? Number.POSITIVE_INFINITY : magnitude.reduce((sum, byte) => sum * 256 + byte, 0);
    if (value > 0x7fff_ffff) throw new CertsError("ERR_DER_UNEXPECTED", "INTEGER is too large for its place");
    return value;
  }

  readNull(): void {
    if (this.read(tag.null).length !== 0) throw new CertsError("ERR_DER_NOT_CANONICAL", "NULL has content");
  }

  /** Dotted text. */
  readOid(): string {
    return decodeOid(this.read(tag.oid));
  }

  readOctetString(): Uint8Array {
    return this.read(tag.octetString);
  }

  readBitString(): { readonly bytes: Uint8Array; readonly unusedBits: number } {
    return decodeBitString(this.read(tag.bitString));
  }

  /** BIT STRING that holds whole bytes: keys and signatures. */
  readByteString(): Uint8Array {
    const { bytes, unusedBits } = this.readBitString();
    if (unusedBits !== 0) throw new CertsError("ERR_DER_UNEXPECTED", "BIT STRING is not a whole number of bytes");
    return bytes;
  }

  /** Milliseconds since 1970. Also throws ERR_DER_TIME. */
  readTime(): number {
    const expected = this.peekTag() === tag.generalizedTime ? tag.generalizedTime : tag.utcTime;
    return decodeTime(expected, this.read(expected));
  }

  #expect(expectedTag: number): void {
    const found = this.peekTag();
    if (found === expectedTag) return;
    if (found === undefined) throw new CertsError("ERR_DER_TRUNCATED", `no element where ${name(expectedTag)} belongs`);
    throw new CertsError("ERR_DER_UNEXPECTED", `${name(found)} where ${name(expectedTag)} belongs`);
  }

  /** Goes behind the next element; returns where its content begins. */
  #pass(): number {
    const tagOctet = this.#octet();
    if ((tagOctet & 0x1f) === 0x1f || tagOctet === 0) {
      throw new CertsError("ERR_DER_UNEXPECTED", `tag octet 0x${tagOctet.toString(16)} is not used in these formats`);
    }
    const length = this.#length();
    const contentStart = this.#offset;
    if (length > this.#end - contentStart) {
      throw new CertsError("ERR_DER_TRUNCATED", `element claims ${length} bytes, ${this.#end - contentStart} are left`);
    }
    this.#offset = contentStart + length;
    return contentStart;
  }

  #octet(): number {
    const octet = this.#offset < this.#end ? this.#bytes[this.#offset] : undefined;
    if (octet === undefined) throw new CertsError("ERR_DER_TRUNCATED", "data ends inside an element's header");
    this.#offset++;
    return octet;
  }

  #length(): number {
    const first = this.#octet();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0) throw new CertsError("ERR_DER_NOT_CANONICAL", "indefinite length");
    if (count > 4) throw new CertsError("ERR_DER_TOO_LARGE", "length of more than four bytes");
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#octet();
    if (length < 0x80 || length < 256 ** (count - 1)) {
      throw new CertsError("ERR_DER_NOT_CANONICAL", "length is not written in the shortest form");
    }
    return length;
  }
}

function checkedInteger(content: Uint8Array): Uint8Array {
  const [first, second] = content;
  if (first === undefined) throw new CertsError("ERR_DER_NOT_CANONICAL", "empty INTEGER");
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw new CertsError("ERR_DER_NOT_CANONICAL", "INTEGER is padded");
  }
  return content;
}

/** Also for implicitly tagged BIT STRINGs. Padding bits must be zero (X.690 §11.2.1). */
export function decodeBitString(content: Uint8Array): { readonly bytes: Uint8Array; readonly unusedBits: number } {
  const unusedBits = content[0];
  if (unusedBits === undefined) throw new CertsError("ERR_DER_NOT_CANONICAL", "empty BIT STRING");
  const bytes = content.subarray(1);
  const last = bytes.at(-1);
  if (unusedBits > 7 || (last === undefined && unusedBits !== 0)) {
    throw new CertsError("ERR_DER_NOT_CANONICAL", "BIT STRING with an impossible number of unused bits");
  }
  if (last !== undefined && (last & ((1 << unusedBits) - 1)) !== 0) {
    throw new CertsError("ERR_DER_NOT_CANONICAL", "BIT STRING with padding bits that are set");
  }
  return { bytes, unusedBits };
}

function name(tagOctet: number): string {
  for (const [text, octet] of Object.entries(tag)) if (octet === tagOctet) return text;
  return `tag 0x${tagOctet.toString(16)}`;
}
