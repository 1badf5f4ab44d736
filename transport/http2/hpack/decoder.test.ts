import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { encodeHeaderBlock, HpackDecoder, HpackError } from "./index.ts";

const limits = { maxTableBytes: 4096, maxListBytes: 16_384, maxFields: 64 };

/** One step of an encoder, on a table that is as plain as the RFC tells it. */
type Step =
  | { readonly kind: "literal"; readonly how: number; readonly name: string; readonly value: string }
  | { readonly kind: "byName"; readonly how: number; readonly pick: number; readonly value: string }
  | { readonly kind: "indexed"; readonly pick: number };

const keep = 0x40;
const representations: readonly (readonly [pattern: number, prefix: number])[] = [
  [keep, 0x3f],
  [0, 0x0f],
  [0x10, 0x0f],
];

class PlainEncoder {
  readonly entries: [string, string][] = [];
  maxBytes = 4096;

  block(steps: readonly Step[], resizeTo: number | undefined): { readonly bytes: Buffer; readonly fields: string[] } {
    const octets: number[] = [];
    const fields: string[] = [];
    if (resizeTo !== undefined) {
      this.maxBytes = resizeTo;
      this.#evict();
      octets.push(...integer(0x20, 0x1f, resizeTo));
    }
    for (const step of steps) fields.push(...this.#field(step, octets));
    return { bytes: Buffer.from(octets), fields };
  }

  #field(step: Step, octets: number[]): [string, string] {
    if (step.kind === "indexed") {
      const picked = this.#pick(step.pick);
      octets.push(...integer(0x80, 0x7f, picked?.index ?? 2));
      return picked?.entry ?? [":method", "GET"];
    }
    const [pattern, prefix] = representations[step.how] ?? [0, 0x0f];
    const picked = step.kind === "byName" ? this.#pick(step.pick) : undefined;
    const name = step.kind === "byName" ? (picked?.entry[0] ?? ":path") : step.name;
    const index = step.kind === "byName" ? (picked?.index ?? 4) : 0;
    octets.push(...integer(pattern, prefix, index));
    if (index === 0) octets.push(...string(name));
    octets.push(...string(step.value));
    if (pattern === keep) {
      this.entries.unshift([name, step.value]);
      this.#evict();
    }
    return [name, step.value];
  }

  #pick(pick: number): { readonly index: number; readonly entry: [string, string] } | undefined {
    const age = pick % Math.max(1, this.entries.length);
    const entry = this.entries[age];
    return entry && { index: 62 + age, entry };
  }

  #evict(): void {
    const bytes = () => this.entries.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    while (bytes() > this.maxBytes) this.entries.pop();
  }
}

function integer(pattern: number, prefix: number, value: number): number[] {
  if (value < prefix) return [pattern | value];
  const octets = [pattern | prefix];
  for (let rest = value - prefix; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...octets, rest];
    octets.push(128 + (rest % 128));
  }
}

function string(text: string): number[] {
  return [...integer(0, 0x7f, text.length), ...Buffer.from(text, "latin1")];
}

const text = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((octets) => Buffer.from(octets).toString("latin1"));
const value = fc.oneof(
  { weight: 8, arbitrary: text(40) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 6_000 }).map((length) => "v".repeat(length)) },
);
const how = fc.constantFrom(0, 0, 0, 1, 2);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("literal" as const), how, name: text(20), value }),
  fc.record({ kind: fc.constant("byName" as const), how, pick: fc.nat(200), value }),
  fc.record({ kind: fc.constant("indexed" as const), pick: fc.nat(200) }),
);
const resizeTo = fc.option(fc.integer({ min: 0, max: 4096 }), { nil: undefined, freq: 8 });
const connection = fc.array(fc.tuple(fc.array(step, { maxLength: 12 }), resizeTo), { maxLength: 12 });

describe("HpackDecoder", () => {
  it("follows a plain table through every connection, also behind blocks that were too large", () => {
    fc.assert(
      fc.property(connection, fc.boolean(), (blocks, isTight) => {
        const encoder = new PlainEncoder();
        const decoder = new HpackDecoder(isTight ? { ...limits, maxListBytes: 200, maxFields: 5 } : limits);
        for (const [steps, size] of blocks) {
          const { bytes, fields } = encoder.block(steps, size);
          const decoded = decoder.decode(bytes);
          const bytesOfList = fields.reduce((sum, part) => sum + part.length + 16, 0);
          const isTooLarge = isTight ? bytesOfList > 200 || fields.length > 10 : bytesOfList > 16_384;
          assert.deepEqual([decoded.fields, decoded.isTooLarge], [isTooLarge ? [] : fields, isTooLarge]);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("takes a list at its limits, and not one octet or field more", () => {
    const list = encodeHeaderBlock(["aa", "bbb", "c", ""]);
    const decode = (maxListBytes: number, maxFields: number) =>
      new HpackDecoder({ maxTableBytes: 4096, maxListBytes, maxFields }).decode(list).isTooLarge;
    assert.deepEqual([decode(70, 2), decode(69, 2), decode(70, 1)], [false, true, true]);
  });

  it("makes nothing of a block that repeats one large entry a million times", () => {
    const decoder = new HpackDecoder(limits);
    const kept = Buffer.from([keep, ...string("n"), ...string("v".repeat(4_000))]);
    const bomb = Buffer.concat([kept, Buffer.alloc(1_000_000, 0xbe)]);
    assert.deepEqual({ ...summary(decoder.decode(bomb)) }, { fields: 0, isTooLarge: true });
    assert.deepEqual(decoder.decode(Buffer.from([0xbe])).fields, ["n", "v".repeat(4_000)]);
  });

  it("makes nothing of strings that are larger than list and table, Huffman-coded or not", () => {
    const decoder = new HpackDecoder(limits);
    decoder.decode(Buffer.from([keep, ...string("n"), ...string("v")]));
    const zeros = [...integer(0x80, 0x7f, 100_000)].concat(Array.from({ length: 100_000 }, () => 0));
    for (const long of [zeros, string("v".repeat(100_000))]) {
      const block = Buffer.from([keep, ...string("m"), ...long]);
      assert.deepEqual(summary(decoder.decode(block)), { fields: 0, isTooLarge: true });
      assert.throws(() => new HpackDecoder(limits).decode(Buffer.concat([block, Buffer.from([0xbe])])), HpackError);
    }
  });

  it("answers any octets with fields within the limits or HpackError, and nothing else", () => {
    const valid = connection.map((blocks) => {
      const encoder = new PlainEncoder();
      return Buffer.concat(blocks.map(([steps]) => encoder.block(steps, undefined).bytes));
    });
    const mutated = fc.tuple(valid, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }));
    const blocks = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      mutated.map(([bytes, changes]) => {
        for (const [at, octet] of changes) if (bytes.length > 0) bytes[at % bytes.length] = octet;
        return bytes;
      }),
    );
    const tight = { maxTableBytes: 256, maxListBytes: 300, maxFields: 4 };
    let refused = 0;
    fc.assert(
      fc.property(fc.array(blocks, { maxLength: 3 }), (sent) => {
        const decoder = new HpackDecoder(tight);
        for (const block of sent) {
          try {
            const { fields } = decoder.decode(block);
            assert.ok(fields.length <= 8 && fields.reduce((sum, part) => sum + part.length + 16, 0) <= 300);
          } catch (error) {
            if (!(error instanceof HpackError)) throw error;
            refused += 1;
            return;
          }
        }
      }),
      { numRuns: 500 },
    );
    assert.ok(refused > 0);
  });
});

function summary({ fields, isTooLarge }: { readonly fields: readonly string[]; readonly isTooLarge: boolean }) {
  return { fields: fields.length, isTooLarge };
}
