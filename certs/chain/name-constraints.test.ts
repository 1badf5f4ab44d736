import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  alternativeNames,
  craftCa,
  craftedExtension,
  craftedNowMs,
  craftLeaf,
} from "../../test/fakes/crafted-certificate.ts";
import { DerWriter } from "../der/writer.ts";
import { Certificate } from "../x509/certificate.ts";
import { verifyChain } from "./verify-chain.ts";

type Name = readonly [number, string];
const uri = (text: string): Name => [0x86, text];
const dns = (text: string): Name => [0x82, text];

function constraints(permitted: readonly Name[], excluded: readonly Name[], critical = true): Uint8Array {
  const list = (w: DerWriter, n: number, names: readonly Name[]): void => {
    if (names.length === 0) return;
    w.explicit(n, (inner) => {
      for (const [kind, text] of names) inner.sequence((subtree) => subtree.element(kind, Buffer.from(text, "latin1")));
    });
  };
  const value = new DerWriter().sequence((w) => {
    list(w, 0, permitted);
    list(w, 1, excluded);
  });
  return craftedExtension("2.5.29.30", critical, value);
}

interface Case {
  readonly permitted?: readonly Name[];
  readonly excluded?: readonly Name[];
  readonly names: readonly Name[];
  readonly isCritical?: boolean;
}

function verify({ permitted = [], excluded = [], names, isCritical = true }: Case): void {
  const nameConstraints = constraints(permitted, excluded, isCritical);
  const root = craftCa({ extensions: { nameConstraints } });
  const middle = craftCa({ subject: "Middle", issuer: root });
  const leaf = craftLeaf({ issuer: middle, extensions: { alternativeNames: alternativeNames(false, ...names) } });
  const [parsedRoot, parsedMiddle, parsedLeaf] = [root, middle, leaf].map(({ der }) => Certificate.parse(der));
  assert.ok(parsedRoot !== undefined && parsedMiddle !== undefined && parsedLeaf !== undefined);
  verifyChain({
    leaf: parsedLeaf,
    intermediates: [parsedMiddle],
    roots: [parsedRoot],
    atMs: craftedNowMs,
    usage: "client",
  });
}

const accepted: Readonly<Record<string, Case>> = {
  "a URI on the permitted host": { permitted: [uri("a.test")], names: [uri("spiffe://a.test/x")] },
  "the host in upper case": { permitted: [uri("a.TEST")], names: [uri("https://A.test:443/x")] },
  "a host below a base with a dot": { permitted: [uri(".a.test")], names: [uri("spiffe://b.a.test/x")] },
  "one of several permitted hosts": { permitted: [uri("b.test"), uri("a.test")], names: [uri("spiffe://a.test/x")] },
  "an empty base, which is every host": { permitted: [uri("")], names: [uri("spiffe://a.test/x")] },
  "a host that is not excluded": { excluded: [uri("b.test")], names: [uri("spiffe://a.test/x")] },
  "a permitted DNS name and one below it": { permitted: [dns("a.test")], names: [dns("a.test"), dns("b.a.test")] },
  "DNS constraints with a leaf that has only a URI": { permitted: [dns("b.test")], names: [uri("spiffe://a.test/x")] },
  "URI constraints with a leaf that has only a DNS name": { permitted: [uri("b.test")], names: [dns("a.test")] },
  "excluded addresses with a leaf that has none": {
    excluded: [[0x87, "\0\0\0\0\0\0\0\0"]],
    names: [uri("spiffe://a.test/x")],
  },
  "a wildcard beside an excluded name": { excluded: [dns("b.c.test")], names: [dns("*.a.test")] },
};

const refused: Readonly<Record<string, Case>> = {
  "a URI on another host": { permitted: [uri("a.test")], names: [uri("spiffe://b.test/x")] },
  "a URI below a host that is permitted alone": { permitted: [uri("a.test")], names: [uri("spiffe://b.a.test/x")] },
  "the bare host where only hosts below are permitted": {
    permitted: [uri(".a.test")],
    names: [uri("spiffe://a.test/x")],
  },
  "a host that only ends alike": { permitted: [uri("a.test")], names: [uri("spiffe://aa.test/x")] },
  "one good and one bad URI": {
    permitted: [uri("a.test")],
    names: [uri("spiffe://a.test/x"), uri("spiffe://b.test/x")],
  },
  "a host hidden behind user information": { permitted: [uri("a.test")], names: [uri("spiffe://a.test@b.test/x")] },
  "an excluded host": { excluded: [uri("a.test")], names: [uri("spiffe://a.test/x")] },
  "an excluded host that is also permitted": {
    permitted: [uri("a.test")],
    excluded: [uri("a.test")],
    names: [uri("spiffe://a.test/x")],
  },
  "a URI without a host": { permitted: [uri("a.test")], names: [uri("urn:a.test")] },
  "a URI with an address": { permitted: [uri("a.test")], names: [uri("https://127.0.0.1/")] },
  "a URI with an IPv6 address": { permitted: [uri("a.test")], names: [uri("https://[::1]/")] },
  "a constraint that is not marked critical": {
    permitted: [uri("a.test")],
    names: [uri("spiffe://b.test/x")],
    isCritical: false,
  },
  "another DNS name": { permitted: [dns("a.test")], names: [dns("b.test")] },
  "a DNS name that only ends alike": { permitted: [dns("a.test")], names: [dns("ba.test")] },
  "the bare name where only names below are permitted": { permitted: [dns(".a.test")], names: [dns("a.test")] },
  "a name below an excluded one": { excluded: [dns("a.test")], names: [dns("b.a.test")] },
  "a wildcard that covers an excluded name": { excluded: [dns("b.a.test")], names: [dns("*.a.test")] },
  "an address where addresses are constrained": {
    excluded: [[0x87, "\0\0\0\0\0\0\0\0"]],
    names: [[0x87, "\x7f\0\0\x01"]],
  },
  "constraints on directory names": { permitted: [[0xa4, "0\0"]], names: [uri("spiffe://a.test/x")] },
  "constraints on mail addresses": { permitted: [[0x81, "a.test"]], names: [uri("spiffe://a.test/x")] },
};

describe("name constraints", () => {
  for (const [name, testCase] of Object.entries(accepted)) {
    it(`let pass ${name}`, () => verify(testCase));
  }
  for (const [name, testCase] of Object.entries(refused)) {
    it(`refuse ${name}`, () => {
      assert.throws(() => verify(testCase), { name: "CertsError", code: "ERR_CHAIN_NAME_CONSTRAINTS" });
    });
  }

  it("of an intermediate hold for authorities below it, self-issued ones excepted", () => {
    const root = craftCa({ subject: "Root" });
    const named = (text: string): Uint8Array => alternativeNames(false, uri(text));
    const limited = craftCa({
      subject: "Limited",
      issuer: root,
      extensions: { nameConstraints: constraints([uri("a.test")], []) },
    });
    const path = (subject: string, caUri: string): void => {
      const below = craftCa({ subject, issuer: limited, extensions: { alternativeNames: named(caUri) } });
      verifyChain({
        leaf: Certificate.parse(craftLeaf({ issuer: below }).der),
        intermediates: [Certificate.parse(below.der), Certificate.parse(limited.der)],
        roots: [Certificate.parse(root.der)],
        atMs: craftedNowMs,
        usage: "server",
      });
    };
    path("Below", "spiffe://a.test");
    path("Limited", "spiffe://b.test");
    assert.throws(() => path("Below", "spiffe://b.test"), { code: "ERR_CHAIN_NAME_CONSTRAINTS" });
  });

  it("that are empty or malformed make the certificate unreadable", () => {
    const parse = (value: DerWriter): Certificate =>
      Certificate.parse(craftCa({ extensions: { bad: craftedExtension("2.5.29.30", true, value) } }).der);
    const subtree = (w: DerWriter): unknown =>
      w.sequence((s) => s.element(0x82, Buffer.from("a")).implicit(0, Uint8Array.of(1)));
    assert.throws(() => parse(new DerWriter().sequence(() => {})), { code: "ERR_DER_UNEXPECTED" });
    assert.throws(() => parse(new DerWriter().sequence((w) => w.explicit(0, () => {}))), {
      code: "ERR_DER_UNEXPECTED",
    });
    const withMinimum = new DerWriter().sequence((w) => w.explicit(0, subtree));
    assert.throws(() => parse(withMinimum), { code: "ERR_DER_TRAILING_DATA" });
  });
});
