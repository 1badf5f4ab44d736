import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { AddressRanges } from "./address-ranges.ts";
import { readProxyHeader } from "./header.ts";

const signature = "0d0a0d0a000d0a515549540a";
const v2 = (commandAndFamily: string, body: string): Buffer => {
  const length = (body.length / 2).toString(16).padStart(4, "0");
  return Buffer.from(signature + commandAndFamily + length + body, "hex");
};
const v1 = (line: string): Buffer => Buffer.from(`${line}\r\n`, "latin1");

const headers: readonly (readonly [Buffer, { readonly address: string; readonly port: number } | undefined])[] = [
  [v1("PROXY TCP4 192.0.2.7 198.51.100.1 40000 8081"), { address: "192.0.2.7", port: 40_000 }],
  [v1("PROXY TCP6 2001:DB8:0:0::1 ::1 1 65535"), { address: "2001:db8::1", port: 1 }],
  [v1("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2"), { address: "192.0.2.7", port: 1 }],
  [v1("PROXY UNKNOWN"), undefined],
  [v1("PROXY UNKNOWN ffff::1 whatever"), undefined],
  [v2("2111", "c0000207c6336401" + "9c401f91"), { address: "192.0.2.7", port: 40_000 }],
  [v2("2111", "c0000207c6336401" + "9c401f91" + "040003aabbcc"), { address: "192.0.2.7", port: 40_000 }],
  [v2("2121", `20010db8${"00".repeat(11)}01${"00".repeat(15)}019c401f91`), { address: "2001:db8::1", port: 40_000 }],
  [v2("2121", `${"00".repeat(10)}ffffc0000207${"00".repeat(16)}00010002`), { address: "192.0.2.7", port: 1 }],
  [v2("2000", ""), undefined],
  [v2("2011", "c0000207c63364019c401f91"), undefined],
  [v2("2100", "aabb"), undefined],
];

describe("readProxyHeader()", () => {
  it("reads both versions, and what follows is left alone", () => {
    for (const [header, source] of headers) {
      const reading = readProxyHeader(Buffer.concat([header, Buffer.from([0x16, 0x03, 0x01])]));
      assert.deepEqual(reading, { kind: "header", bytes: header.length, source });
    }
  });

  it("waits for the rest of every beginning", () => {
    for (const [header] of headers) {
      for (let length = 0; length < header.length; length += 1) {
        assert.equal(readProxyHeader(header.subarray(0, length)).kind, "incomplete");
      }
    }
  });

  it("refuses what is no header, or one that says something impossible", () => {
    for (const bytes of [
      Buffer.from([0x16, 0x03, 0x01]),
      Buffer.from("GET / HTTP/1.1\r\n"),
      Buffer.from("proxy TCP4 "),
      v1("PROXY TCP4 192.0.2.7 198.51.100.1 40000"),
      v1("PROXY TCP4 192.0.2.7 198.51.100.1 40000 8081 1"),
      v1("PROXY  TCP4 192.0.2.7 198.51.100.1 1 2"),
      v1("PROXY TCP4 192.0.2.256 198.51.100.1 1 2"),
      v1("PROXY TCP4 2001:db8::1 ::1 1 2"),
      v1("PROXY TCP6 192.0.2.7 198.51.100.1 1 2"),
      v1("PROXY TCP4 192.0.2.7 198.51.100.1 65536 2"),
      v1("PROXY TCP4 192.0.2.7 198.51.100.1 01 2"),
      v1("PROXY TCP4 192.0.2.7 198.51.100.1 -1 2"),
      v1("PROXY UDP4 192.0.2.7 198.51.100.1 1 2"),
      v1("PROXY TCP6 fe80::1%eth0 ::1 1 x"),
      v1("PROXY "),
      Buffer.from(`PROXY UNKNOWN ${"x".repeat(120)}`),
      v2("1111", "c0000207c63364019c401f91"),
      v2("2211", "c0000207c63364019c401f91"),
      v2("2111", "c0000207c63364019c401f"),
      v2("2121", "c0000207c63364019c401f91"),
      v2("2112", "c0000207c63364019c401f91"),
      v2("2131", "00".repeat(216)),
      Buffer.from(`${signature}2111ffff`, "hex"),
    ]) {
      assert.equal(readProxyHeader(bytes).kind, "malformed", JSON.stringify(bytes.toString("latin1")));
    }
  });

  it("answers to anything at all, and never reads past what there is", () => {
    const beginning = fc.constantFrom(Buffer.alloc(0), ...headers.map(([header]) => header));
    fc.assert(
      fc.property(beginning, fc.nat(40), fc.uint8Array({ maxLength: 300 }), (header, cut, noise) => {
        const bytes = Buffer.concat([header.subarray(0, cut), noise]);
        const reading = readProxyHeader(bytes);
        if (reading.kind === "header") assert.ok(reading.bytes <= bytes.length && reading.bytes > 0);
        if (reading.kind === "incomplete") assert.ok(bytes.length < 4_096);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("AddressRanges", () => {
  it("hold the addresses of their ranges, in either clothes", () => {
    const ranges = AddressRanges.parse(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"]);
    for (const address of ["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.7", "2001:db8:1::1", "::1"]) {
      assert.equal(ranges.has(address), true, address);
    }
    for (const address of ["11.0.0.0", "192.0.2.8", "2001:db9::1", "::2", "", "x", "::ffff:11.0.0.1"]) {
      assert.equal(ranges.has(address), false, address);
    }
  });

  it("are refused when they are none", () => {
    for (const range of ["", "x", "10.0.0.0/33", "::1/129", "10.0.0.0/8/8", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1"]) {
      assert.throws(() => AddressRanges.parse([range]), RangeError, range);
    }
  });
});
