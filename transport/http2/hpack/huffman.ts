import { HpackError } from "./hpack-error.ts";
import { endOfString, huffmanLengths } from "./huffman-lengths.ts";

/** A step is taken with four bits: the state to go on with, and the octet that they completed, if they did. */
const symbolShift = 8;
const emits = 1 << 16;
const fails = 1 << 17;
const stateMask = 0xff;

/** As many bits of padding are less than an octet, and all ones (RFC 7541 §5.2). */
const maxPaddingBits = 7;

const { steps, isPadding } = buildSteps();

/**
 * Decodes the octets of `coded` between `start` and `end` into `out` as far as it goes, and answers how many they are.
 * Throws HpackError for the code of EOS and for padding that is too long or not the start of that code.
 */
export function decodeHuffman(coded: Uint8Array, start: number, end: number, out: Uint8Array): number {
  let state = 0;
  let length = 0;
  for (let at = start; at < end; at += 1) {
    const octet = coded[at] ?? 0;
    const high = steps[(state << 4) | (octet >> 4)] ?? fails;
    if (high & emits) {
      out[length] = high >> symbolShift;
      length += 1;
    }
    const low = steps[((high & stateMask) << 4) | (octet & 15)] ?? fails;
    if (low & emits) {
      out[length] = low >> symbolShift;
      length += 1;
    }
    if ((high | low) & fails) throw new HpackError("a Huffman-coded string holds EOS");
    state = low & stateMask;
  }
  if (isPadding[state] !== 1) throw new HpackError("a Huffman-coded string has wrong padding");
  return length;
}

/** The most octets that `codedBytes` can stand for. */
export function maxHuffmanDecoded(codedBytes: number): number {
  return Math.floor((codedBytes * 8) / 5);
}

/** Walks every state through every four bits. A state is a node of the code tree that has branches: there are 256. */
function buildSteps(): { readonly steps: Int32Array; readonly isPadding: Uint8Array } {
  const tree = buildTree();
  const steps = new Int32Array(tree.length * 16);
  for (let state = 0; state < tree.length; state += 1) {
    for (let bits = 0; bits < 16; bits += 1) steps[state * 16 + bits] = walk(tree, state, bits);
  }
  const isPadding = new Uint8Array(tree.length);
  let ones = 0;
  for (let depth = 0; depth <= maxPaddingBits; depth += 1) {
    isPadding[ones] = 1;
    ones = tree[ones]?.[1] ?? 0;
  }
  return { steps, isPadding };
}

/** A branch leads to a state, or to ~symbol. */
type Branches = [zero: number, one: number];

function walk(tree: readonly Branches[], from: number, bits: number): number {
  let state = from;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit -= 1) {
    const next = tree[state]?.[bitOf(bits, bit)] ?? ~endOfString;
    if (next === ~endOfString) return fails;
    if (next < 0) emitted = emits | (~next << symbolShift);
    state = Math.max(next, 0);
  }
  return emitted | state;
}

function buildTree(): readonly Branches[] {
  const tree: Branches[] = [[0, 0]];
  const symbols = [...huffmanLengths.keys()].sort((a, b) => lengthOf(a) - lengthOf(b) || a - b);
  let code = 0;
  let length = 0;
  for (const symbol of symbols) {
    code <<= lengthOf(symbol) - length;
    length = lengthOf(symbol);
    plant(tree, code, length, symbol);
    code += 1;
  }
  return tree;
}

function plant(tree: Branches[], code: number, length: number, symbol: number): void {
  let state = 0;
  for (let bit = length - 1; bit >= 0; bit -= 1) {
    const branches = tree[state];
    if (branches === undefined) throw new RangeError("the lengths of the Huffman code do not fit each other");
    const side = bitOf(code, bit);
    if (bit === 0) branches[side] = ~symbol;
    else if (branches[side] === 0) branches[side] = tree.push([0, 0]) - 1;
    state = Math.max(branches[side], 0);
  }
}

function lengthOf(symbol: number): number {
  return huffmanLengths[symbol] ?? 0;
}

function bitOf(bits: number, bit: number): 0 | 1 {
  return (bits >> bit) & 1 ? 1 : 0;
}
