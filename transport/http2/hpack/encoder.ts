import { staticEntries, staticFields } from "./static-table.ts";

interface StaticName {
  readonly index: number;
  /** Index of the whole field by its value. */
  readonly byValue: Map<string, number>;
}

const staticNames = indexStatic();

/** Two integers of at most five octets and one that starts them are in front of a field's two strings. */
const maxOverheadBytes = 11;
const latin1Max = 0xff;

/**
 * A header block of `[name, value, name, value…]`: entries of the static table, or literals without indexing and
 * without Huffman codes (RFC 7541 §6.1, §6.2.2). It needs no state and makes none in the peer, so that one block can go
 * to every connection. Names must be in lower case already. Throws RangeError for a character that is no octet.
 */
export function encodeHeaderBlock(fields: readonly string[]): Buffer {
  let room = 0;
  for (const text of fields) room += text.length + maxOverheadBytes;
  const block = Buffer.allocUnsafe(room);
  let at = 0;
  for (let pair = 0; pair < fields.length; pair += 2) {
    at = writeField(block, at, fields[pair] ?? "", fields[pair + 1] ?? "");
  }
  return block.subarray(0, at);
}

function writeField(block: Buffer, at: number, name: string, value: string): number {
  const known = staticNames.get(name);
  if (known === undefined) {
    block[at] = 0;
    return writeString(block, writeString(block, at + 1, name), value);
  }
  const whole = known.byValue.get(value);
  if (whole !== undefined) return writeInteger(block, at, 0x80, 0x7f, whole);
  return writeString(block, writeInteger(block, at, 0, 0x0f, known.index), value);
}

function writeString(block: Buffer, at: number, text: string): number {
  let next = writeInteger(block, at, 0, 0x7f, text.length);
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > latin1Max) throw new RangeError("a header field has a character that is no octet");
    block[next] = code;
    next += 1;
  }
  return next;
}

/** RFC 7541 §5.1, with `pattern` in the bits above the prefix. */
function writeInteger(block: Buffer, at: number, pattern: number, prefix: number, value: number): number {
  if (value < prefix) {
    block[at] = pattern | value;
    return at + 1;
  }
  block[at] = pattern | prefix;
  let rest = value - prefix;
  let next = at + 1;
  while (rest >= 0x80) {
    block[next] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
    next += 1;
  }
  block[next] = rest;
  return next + 1;
}

function indexStatic(): ReadonlyMap<string, StaticName> {
  const names = new Map<string, StaticName>();
  for (let index = 1; index <= staticEntries; index += 1) {
    const name = staticFields[2 * index - 2] ?? "";
    const value = staticFields[2 * index - 1] ?? "";
    const known = names.get(name) ?? { index, byValue: new Map<string, number>() };
    known.byValue.set(value, index);
    names.set(name, known);
  }
  return names;
}
