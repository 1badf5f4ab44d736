import { asciiBytes, concatBytes } from "../bytes.ts";
import { CertsError } from "../errors.ts";
import { tlv, unsignedInteger } from "./encode.ts";
import { encodeOid } from "./oid.ts";
import { contextConstructed, contextPrimitive, tag } from "./tags.ts";
import { encodeTime } from "./time.ts";

/** Writes DER element by element; what it writes, `DerReader` reads back. Fails only with ERR_DER_… codes. */
export class DerWriter {
  readonly #parts: Uint8Array[] = [];

  toBytes(): Uint8Array {
    return concatBytes(this.#parts);
  }

  /** Bytes that are DER already. */
  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  element(tagOctet: number, content: Uint8Array): this {
    return this.raw(tlv(tagOctet, content));
  }

  constructed(tagOctet: number, write: (inner: DerWriter) => void): this {
    const inner = new DerWriter();
    write(inner);
    return this.element(tagOctet, inner.toBytes());
  }

  sequence(write: (inner: DerWriter) => void): this {
    return this.constructed(tag.sequence, write);
  }

  /** Sorts the encodings, as DER requires. */
  setOf(elements: readonly Uint8Array[]): this {
    return this.element(tag.set, concatBytes([...elements].sort((a, b) => Buffer.compare(a, b))));
  }

  /** `[n] EXPLICIT`. */
  explicit(n: number, write: (inner: DerWriter) => void): this {
    return this.constructed(contextConstructed(n), write);
  }

  /** `[n] IMPLICIT` of a primitive type. */
  implicit(n: number, content: Uint8Array): this {
    return this.element(contextPrimitive(n), content);
  }

  boolean(value: boolean): this {
    return this.element(tag.boolean, Uint8Array.of(value ? 0xff : 0));
  }

  null(): this {
    return this.element(tag.null, new Uint8Array(0));
  }

  /** INTEGER of an unsigned big-endian magnitude. */
  unsignedInteger(magnitude: Uint8Array): this {
    return this.raw(unsignedInteger(magnitude));
  }

  /** A whole number from 0 to 2³¹ − 1. */
  smallInteger(value: number): this {
    if (!Number.isInteger(value) || value < 0 || value > 0x7fff_ffff) {
      throw new CertsError("ERR_DER_UNEXPECTED", "number is out of range");
    }
    return this.unsignedInteger(Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff));
  }

  oid(text: string): this {
    return this.element(tag.oid, encodeOid(text));
  }

  octetString(bytes: Uint8Array): this {
    return this.element(tag.octetString, bytes);
  }

  /** The unused bits at the end must be zero. */
  bitString(bytes: Uint8Array, unusedBits = 0): this {
    const last = bytes.at(-1);
    const impossible = unusedBits < 0 || unusedBits > 7 || (last === undefined && unusedBits !== 0);
    if (impossible || ((last ?? 0) & ((1 << unusedBits) - 1)) !== 0) {
      throw new CertsError("ERR_DER_UNEXPECTED", "unused bits do not fit the bytes");
    }
    return this.element(tag.bitString, concatBytes([Uint8Array.of(unusedBits), bytes]));
  }

  utf8String(text: string): this {
    return this.element(tag.utf8String, new TextEncoder().encode(text));
  }

  /** ASCII only. */
  ia5String(text: string): this {
    return this.element(tag.ia5String, checkedAscii(text));
  }

  /** The characters of PrintableString only. */
  printableString(text: string): this {
    if (!isPrintable(text)) throw new CertsError("ERR_DER_UNEXPECTED", "text does not fit a PrintableString");
    return this.element(tag.printableString, asciiBytes(text));
  }

  /** Milliseconds since 1970; fractions of a second are dropped. */
  time(ms: number): this {
    return this.raw(encodeTime(ms));
  }
}

/** X.680 §41.4. */
export function isPrintable(text: string): boolean {
  return /^[A-Za-z0-9 '()+,./:=?-]*$/.test(text);
}

function checkedAscii(text: string): Uint8Array {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) throw new CertsError("ERR_DER_UNEXPECTED", "text is not ASCII");
  }
  return asciiBytes(text);
}
