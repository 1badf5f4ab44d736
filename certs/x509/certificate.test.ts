import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import {
  alternativeNames,
  authorityKeyId,
  basicConstraints,
  type CraftedOptions,
  craftCa,
  craftedExtension,
  craftedName,
  craftLeaf,
  extendedKeyUsage,
} from "../../test/fakes/crafted-certificate.ts";
import { fixtureKey, testKey } from "../../test/fakes/fixture-keys.ts";
import { DerWriter } from "../der/writer.ts";
import { certsLimits } from "../limits.ts";
import { Certificate } from "./certificate.ts";

const parseLeaf = (options: CraftedOptions = {}): Certificate => Certificate.parse(craftLeaf(options).der);
const withExtension = (id: string, value: DerWriter | Uint8Array, critical = false): Certificate => {
  const writer = value instanceof DerWriter ? value : new DerWriter().raw(value);
  const cleared = { alternativeNames: undefined, extendedKeyUsage: undefined, keyUsage: undefined };
  const own = { basicConstraints: undefined, subjectKeyId: undefined, authorityKeyId: undefined };
  return parseLeaf({ extensions: { ...cleared, ...own, tested: craftedExtension(id, critical, writer) } });
};

describe("Certificate.parse()", () => {
  it("reads what Node reads", () => {
    const issuer = craftCa();
    const { der } = craftLeaf({ issuer, serial: Buffer.from("0102030405060708090a0b0c0d0e0f10", "hex") });
    const ours = Certificate.parse(der);
    const node = new X509Certificate(der);
    assert.equal(ours.serialNumber, BigInt(`0x${node.serialNumber}`).toString());
    assert.equal(ours.notBefore, Date.parse(node.validFrom));
    assert.equal(ours.notAfter, Date.parse(node.validTo));
    assert.equal(ours.subjectText(), node.subject);
    assert.equal(ours.issuerText(), node.issuer);
    assert.equal(ours.isCa, node.ca);
    assert.deepEqual(ours.extendedKeyUsage, node.keyUsage);
    assert.ok(ours.publicKey().equals(node.publicKey));
    assert.equal(ours.publicKey(), ours.publicKey());
    assert.equal(`URI:${ours.uriSans[0]}`, node.subjectAltName);
    assert.deepEqual([...(ours.keyUsage ?? [])], ["digitalSignature"]);
    const authority = Certificate.parse(issuer.der);
    assert.ok(ours.isSignedBy(authority) && node.verify(authority.publicKey()));
    assert.equal(ours.authorityKeyId, authority.subjectKeyId);
    assert.equal(ours.isSelfIssued, false);
    assert.equal(authority.isSelfIssued, true);
  });

  it("keeps its own copy of the bytes", () => {
    const { der } = craftLeaf();
    const certificate = Certificate.parse(der);
    const same = Certificate.parse(der);
    assert.ok(certificate.equals(same));
    der.fill(0);
    assert.deepEqual(certificate.uriSans, ["spiffe://a.test/x"]);
    assert.ok(certificate.equals(same));
    assert.ok(!certificate.equals(parseLeaf()));
  });

  it("reads names from the bytes: commas and colons in one name do not make two", () => {
    const name = "a.test,URI:spiffe://b.test/admin";
    const parsed = parseLeaf({ extensions: { alternativeNames: alternativeNames(false, [0x82, name]) } });
    assert.deepEqual(parsed.dnsSans, [name]);
    assert.deepEqual(parsed.uriSans, []);
  });

  it("refuses names with NUL, spaces, line breaks or bytes above ASCII", () => {
    for (const text of ["a.test\0.b.test", "a test", "a\ntest", "ä.test"]) {
      for (const kind of [0x82, 0x86]) {
        const names = alternativeNames(false, [kind, text]);
        assert.throws(() => parseLeaf({ extensions: { alternativeNames: names } }), { code: "ERR_DER_UNEXPECTED" });
      }
    }
  });

  it("keeps other kinds of names apart", () => {
    const names = alternativeNames(false, [0x81, "a@a.test"], [0x87, "\x7f\0\0\x01"], [0x86, "spiffe://a.test/x"]);
    const parsed = parseLeaf({ extensions: { alternativeNames: names } });
    assert.deepEqual([parsed.uriSans.length, parsed.dnsSans.length, parsed.subjectAltNames.length], [1, 0, 3]);
    const unknown = alternativeNames(false, [0x89, "x"]);
    assert.throws(() => parseLeaf({ extensions: { alternativeNames: unknown } }), { code: "ERR_DER_UNEXPECTED" });
  });

  it("takes keys and algorithms that are not accepted, but does not use them", () => {
    const weak = Certificate.parse(craftCa({ key: fixtureKey("ec-p521") }).der);
    assert.throws(() => weak.publicKey(), { code: "ERR_KEY_UNSUPPORTED" });
    assert.throws(() => parseLeaf().isSignedBy(weak), { code: "ERR_KEY_UNSUPPORTED" });
    const algorithm = new DerWriter().sequence((w) => w.oid("1.2.840.10045.4.1")).toBytes();
    const sha1 = craftCa({ algorithm, hash: "sha1" });
    const parsed = Certificate.parse(sha1.der);
    assert.equal(parsed.signatureAlgorithm, undefined);
    assert.equal(parsed.isSignedBy(parsed), false);
  });

  it("refuses a point that is not on the curve when the key is used", () => {
    const { der } = craftLeaf();
    const at = Buffer.from(der).indexOf(Buffer.from("03420004", "hex")) + 67;
    der[at] = (der[at] ?? 0) ^ 1;
    assert.throws(() => Certificate.parse(der).publicKey(), { code: "ERR_KEY_INVALID" });
  });

  const malformed: Readonly<Record<string, CraftedOptions>> = {
    "version 1": { version: "absent" },
    "version 2": { version: 1 },
    "version 4": { version: 3 },
    "a serial number of 21 bytes": { serial: new Uint8Array(21).fill(1) },
    "an empty issuer": { issuerName: "" },
    "an empty subject whose names are not critical": { subject: "", issuerName: "Issuer" },
    "two different signature algorithms": {
      outerAlgorithm: new DerWriter().sequence((w) => w.oid("1.2.840.10045.4.3.3")).toBytes(),
    },
  };
  for (const [name, options] of Object.entries(malformed)) {
    it(`refuses ${name}`, () => {
      assert.throws(() => parseLeaf(options), { name: "CertsError", code: "ERR_CERT_MALFORMED" });
    });
  }

  it("takes an empty subject whose names are critical, a serial of 20 bytes, and zero", () => {
    const names = alternativeNames(true, [0x86, "spiffe://a.test/x"]);
    const empty = parseLeaf({ subject: "", issuerName: "Issuer", extensions: { alternativeNames: names } });
    assert.equal(empty.isEmptySubject, true);
    assert.equal(empty.subjectText(), "");
    assert.equal(parseLeaf({ serial: new Uint8Array(20).fill(0xff) }).serialNumber, (2n ** 160n - 1n).toString());
    assert.equal(parseLeaf({ serial: Uint8Array.of(0) }).serialNumber, "0");
  });

  it("refuses a certificate without extensions, with doubled ones, with too many, or with more behind them", () => {
    const none = {
      basicConstraints: undefined,
      keyUsage: undefined,
      extendedKeyUsage: undefined,
      alternativeNames: undefined,
      subjectKeyId: undefined,
      authorityKeyId: undefined,
    };
    assert.throws(() => parseLeaf({ extensions: none }), { code: "ERR_DER_UNEXPECTED" });
    assert.throws(() => parseLeaf({ extensions: { twice: basicConstraints(false) } }), { code: "ERR_DER_UNEXPECTED" });
    const filler = (count: number): Record<string, Uint8Array> =>
      Object.fromEntries(
        Array.from({ length: count }, (_, i) => [
          `${i}x`,
          craftedExtension(`1.2.3.${i}`, false, new DerWriter().null()),
        ]),
      );
    const max = certsLimits.extensions.value;
    assert.equal(parseLeaf({ extensions: { ...none, ...filler(max) } }).extension("1.2.3.0")?.critical, false);
    assert.throws(() => parseLeaf({ extensions: { ...none, ...filler(max + 1) } }), { code: "ERR_DER_TOO_LARGE" });
    assert.throws(() => parseLeaf({ tail: Uint8Array.of(5, 0) }), { code: "ERR_DER_TRAILING_DATA" });
  });

  it("refuses bytes behind the certificate, and more bytes than the limit", () => {
    const { der } = craftLeaf();
    assert.throws(() => Certificate.parse(Buffer.concat([der, Buffer.of(0)])), { code: "ERR_DER_TRAILING_DATA" });
    const large = new Uint8Array(certsLimits.certificateBytes.value + 1);
    assert.throws(() => Certificate.parse(large), { code: "ERR_DER_TOO_LARGE" });
  });

  it("lists critical extensions that it does not process", () => {
    assert.deepEqual(withExtension("1.2.3", new DerWriter().null(), true).unhandledCritical, ["1.2.3"]);
    assert.deepEqual(withExtension("1.2.3", new DerWriter().null()).unhandledCritical, []);
    assert.deepEqual(parseLeaf().unhandledCritical, []);
  });

  it("reads key usages of both bytes", () => {
    assert.deepEqual(
      [...(withExtension("2.5.29.15", Buffer.from("0303070880", "hex")).keyUsage ?? [])],
      ["keyAgreement", "decipherOnly"],
    );
  });

  const badExtensions: readonly (readonly [string, string, string, string])[] = [
    ["key usage without bits", "2.5.29.15", "030100", "ERR_DER_UNEXPECTED"],
    ["key usage that ends in a zero bit", "2.5.29.15", "03020080", "ERR_DER_NOT_CANONICAL"],
    ["key usage with unknown bits", "2.5.29.15", "0303060080", "ERR_DER_UNEXPECTED"],
    ["key usage with bytes behind it", "2.5.29.15", "0302078000", "ERR_DER_TRAILING_DATA"],
    ["basic constraints with FALSE written out", "2.5.29.19", "3003010100", "ERR_DER_NOT_CANONICAL"],
    ["a path length on a leaf", "2.5.29.19", "3003020100", "ERR_DER_UNEXPECTED"],
    ["a negative path length", "2.5.29.19", "30060101ff0201ff", "ERR_DER_UNEXPECTED"],
    ["basic constraints with more behind", "2.5.29.19", "30080101ff0201000500", "ERR_DER_TRAILING_DATA"],
    ["an empty extended key usage", "2.5.29.37", "3000", "ERR_DER_UNEXPECTED"],
    ["an empty list of names", "2.5.29.17", "3000", "ERR_DER_UNEXPECTED"],
    ["an empty subject key id", "2.5.29.14", "0400", "ERR_DER_UNEXPECTED"],
    ["a subject key id of 65 bytes", "2.5.29.14", `0441${"11".repeat(65)}`, "ERR_DER_UNEXPECTED"],
    ["an authority key id with an issuer but no serial", "2.5.29.35", "3002a100", "ERR_DER_TRUNCATED"],
    ["an authority key id with something else", "2.5.29.35", "30028500", "ERR_DER_TRAILING_DATA"],
  ];
  for (const [name, id, hex, code] of badExtensions) {
    it(`refuses ${name}`, () => {
      assert.throws(() => withExtension(id, Buffer.from(hex, "hex")), { name: "CertsError", code });
    });
  }

  it("takes an authority key id without a key id", () => {
    const byIssuer = new DerWriter().sequence((w) => w.explicit(1, (n) => n.null()).implicit(2, Uint8Array.of(1)));
    assert.equal(withExtension("2.5.29.35", byIssuer).authorityKeyId, undefined);
    assert.equal(
      withExtension(
        "2.5.29.35",
        new DerWriter().sequence(() => {}),
      ).authorityKeyId,
      undefined,
    );
  });

  it("bounds key purposes and names", () => {
    const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `1.3.${i}`);
    const max = certsLimits.keyPurposes.value;
    const parse = (count: number): Certificate =>
      parseLeaf({ extensions: { extendedKeyUsage: extendedKeyUsage(...many(count)) } });
    assert.equal(parse(max).extendedKeyUsage?.length, max);
    assert.throws(() => parse(max + 1), { code: "ERR_DER_TOO_LARGE" });
    const names = (count: number): Certificate =>
      parseLeaf({
        extensions: {
          alternativeNames: alternativeNames(false, ...Array.from({ length: count }, () => [0x82, "a.test"] as const)),
        },
      });
    assert.equal(names(certsLimits.generalNames.value).dnsSans.length, certsLimits.generalNames.value);
    assert.throws(() => names(certsLimits.generalNames.value + 1), { code: "ERR_DER_TOO_LARGE" });
  });

  it("does not take a name for a key id or an extension of another certificate", () => {
    const other = authorityKeyId(Uint8Array.of(1, 2));
    assert.equal(parseLeaf({ extensions: { authorityKeyId: other } }).authorityKeyId, "0102");
    assert.equal(parseLeaf({ key: testKey("ec-p384") }).extension("1.2.3.4"), undefined);
    assert.deepEqual(parseLeaf({ subject: "x" }).subjectDer, craftedName("x"));
  });
});
