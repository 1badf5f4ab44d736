import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { craftCa, craftedNowMs, craftLeaf } from "../../test/fakes/crafted-certificate.ts";
import { testKey } from "../../test/fakes/fixture-keys.ts";
import { testAuthority, testLeaf } from "../../test/fakes/issued-shapes.ts";
import { toHex } from "../bytes.ts";
import { signBytes } from "../keys/signature-algorithm.ts";
import { encodeSpki } from "../keys/spki.ts";
import { certsLimits } from "../limits.ts";
import { oid } from "../oids.ts";
import { Certificate } from "../x509/certificate.ts";
import { nameDer, nameText } from "../x509/name.ts";
import { assembleCertificate, issuerInfoOf } from "./assemble.ts";
import { type CaParts, caSubject, caTbs } from "./ca.ts";
import { randomSerial } from "./serial.ts";
import { type SvidParts, svidSubject, svidTbs } from "./svid.ts";

const nowMs = craftedNowMs;
const uri = "spiffe://a.test/x";
const root = testAuthority("ec-p256", { nowMs });
const issuer = issuerInfoOf(root.certificate);
const spkiDer = encodeSpki(testKey("ec-p256"));
const validity = { notBeforeMs: nowMs, notAfterMs: nowMs + 3_600_000 };
const svidParts: SvidParts = { issuer, serial: randomSerial(new Uint8Array(16)), spkiDer, uri, ...validity };
const caParts: CaParts = {
  serial: randomSerial(new Uint8Array(16)),
  spkiDer,
  subject: caSubject,
  signatureAlgorithm: "ES256",
  ...validity,
};
const invalid = { name: "CertsError", code: "ERR_TEMPLATE_INVALID" };

/** Signed by a key that does not matter here. */
function finish(tbs: Uint8Array): Certificate {
  return Certificate.parse(assembleCertificate(tbs, "ES256", signBytes("ES256", tbs, root.key)));
}
const svid = (parts: Partial<SvidParts> = {}): Certificate => finish(svidTbs({ ...svidParts, ...parts }));
const ca = (parts: Partial<CaParts> = {}): Certificate => finish(caTbs({ ...caParts, ...parts }));

describe("svidTbs()", () => {
  it("makes a leaf as X509-SVID wants it", () => {
    const leaf = svid({ dnsSans: ["a.test", "b.test"] });
    assert.deepEqual(leaf.uriSans, [uri]);
    assert.deepEqual(leaf.dnsSans, ["a.test", "b.test"]);
    assert.equal(leaf.isCa, false);
    assert.equal(leaf.extension(oid.basicConstraints)?.critical, true);
    assert.equal(leaf.extension(oid.keyUsage)?.critical, true);
    assert.equal(leaf.extension(oid.extendedKeyUsage)?.critical, false);
    assert.equal(leaf.extension(oid.subjectAltName)?.critical, false);
    assert.deepEqual(leaf.extendedKeyUsage, [oid.serverAuth, oid.clientAuth]);
    assert.equal(leaf.authorityKeyId, root.certificate.subjectKeyId);
    assert.equal(leaf.subjectKeyId?.length, 40);
    assert.equal(leaf.signatureAlgorithm, "ES256");
    assert.equal(leaf.subjectText(), "CN=a.test,O=SPIRE,C=US");
    assert.deepEqual(leaf.issuerDer, root.certificate.subjectDer);
    assert.deepEqual([leaf.notBefore, leaf.notAfter], [validity.notBeforeMs, validity.notAfterMs]);
    assert.equal(leaf.serialNumber, (2n ** 128n).toString());
  });

  const usages = {
    "ec-p256": ["digitalSignature", "keyAgreement"],
    "ec-p384": ["digitalSignature", "keyAgreement"],
    "rsa-2048": ["digitalSignature", "keyEncipherment"],
    "rsa-4096": ["digitalSignature", "keyEncipherment"],
    ed25519: ["digitalSignature"],
  };
  for (const [type, expected] of Object.entries(usages)) {
    it(`gives ${type} the key usages ${expected.join(" and ")}`, () => {
      assert.deepEqual([...(svid({ spkiDer: encodeSpki(testKey(type)) }).keyUsage ?? [])], expected);
    });
  }

  it("has the subject of SPIRE without DNS names, an own one with the DNS name, and none with critical names", () => {
    assert.deepEqual(svid().subjectDer, nameDer(svidSubject));
    assert.equal(svid({ subject: { organization: "X" }, dnsSans: ["a.test"] }).subjectText(), "CN=a.test,O=X");
    assert.equal(svid({ subject: { commonName: "me" }, dnsSans: ["a.test"] }).subjectText(), "CN=me");
    const empty = svid({ subject: {} });
    assert.equal(empty.isEmptySubject, true);
    assert.equal(empty.extension(oid.subjectAltName)?.critical, true);
  });

  it("takes no common name from a DNS name that is too long for one", () => {
    const label = "a".repeat(60);
    assert.equal(svid({ dnsSans: [`${label}.tst`] }).subjectText(), `CN=${label}.tst,O=SPIRE,C=US`);
    assert.equal(svid({ dnsSans: [`${label}.test`] }).subjectText(), "O=SPIRE,C=US");
  });

  it("writes dates on both sides of 2050", () => {
    const around = { notBeforeMs: Date.UTC(2049, 11, 31, 23, 59, 59), notAfterMs: Date.UTC(2050, 0, 1) };
    const leaf = svid(around);
    assert.deepEqual([leaf.notBefore, leaf.notAfter], [around.notBeforeMs, around.notAfterMs]);
    assert.match(toHex(leaf.tbsDer), /170d3439313233313233353935395a180f32303530303130313030303030305a/);
    const node = new X509Certificate(leaf.der);
    assert.equal(Date.parse(node.validTo), around.notAfterMs);
    assert.equal(svid({ notAfterMs: Date.UTC(9999, 11, 31, 23, 59, 59) }).notAfter, Date.UTC(9999, 11, 31, 23, 59, 59));
  });

  it("takes an identifier of 2,048 bytes and refuses 2,049", () => {
    const longest = `spiffe://a.test/${"x".repeat(certsLimits.uriBytes.value - 16)}`;
    assert.deepEqual(svid({ uri: longest }).uriSans, [longest]);
    assert.throws(() => svid({ uri: `${longest}x` }), invalid);
  });

  it("takes serials as unsigned numbers of any form", () => {
    assert.equal(svid({ serial: Uint8Array.of(0, 0, 0x80) }).serialNumber, "128");
    assert.equal(svid({ serial: new Uint8Array(19).fill(0xff) }).serialNumber, (2n ** 152n - 1n).toString());
  });

  const refused: Readonly<Record<string, Partial<SvidParts>>> = {
    "a serial of zero": { serial: new Uint8Array(16) },
    "an empty serial": { serial: new Uint8Array(0) },
    "a serial of 21 bytes": { serial: new Uint8Array(21).fill(1) },
    "a serial of 20 bytes that would need a 21st for its sign": { serial: new Uint8Array(20).fill(0xff) },
    "an end before the beginning": { notAfterMs: nowMs - 1000 },
    "an end in the second of the beginning": { notAfterMs: nowMs + 999 },
    "an end that is not a number": { notAfterMs: Number.NaN },
    "something that is not a URI": { uri: "a.test/x" },
    "an empty URI": { uri: "" },
    "a URI with a space": { uri: "spiffe://a.test/ x" },
    "a URI with a NUL": { uri: "spiffe://a.test/\0" },
    "a URI with an umlaut": { uri: "spiffe://a.test/ä" },
    "a DNS name with a comma": { dnsSans: ["a.test,URI:spiffe://a.test/admin"] },
    "an empty DNS name": { dnsSans: [""] },
    "a DNS name with an empty label": { dnsSans: ["a..test"] },
    "a DNS name with a dot at its end": { dnsSans: ["a.test."] },
    "a DNS name with a wildcard in the middle": { dnsSans: ["a.*.test"] },
    "a bare wildcard": { dnsSans: ["*"] },
    "a DNS name with a label of 64 bytes": { dnsSans: [`${"a".repeat(64)}.test`] },
    "a DNS name of 255 bytes": { dnsSans: [`${"a.".repeat(127)}a`] },
    "more DNS names than the limit": { dnsSans: new Array<string>(certsLimits.generalNames.value).fill("a.test") },
    "the issuer's own name": { issuer: { ...issuer, subjectDer: nameDer(svidSubject) } },
  };
  for (const [name, parts] of Object.entries(refused)) {
    it(`refuses ${name}`, () => assert.throws(() => svid(parts), invalid));
  }

  it("refuses keys that are not accepted", () => {
    assert.throws(() => svid({ spkiDer: spkiDer.subarray(1) }), { name: "CertsError" });
    const p521 = Certificate.parse(craftLeaf({ key: testKey("ec-p521") }).der).spkiDer;
    assert.throws(() => svid({ spkiDer: p521 }), { code: "ERR_KEY_UNSUPPORTED" });
  });
});

describe("caTbs()", () => {
  it("makes a self-signed authority as X509-SVID wants it", () => {
    const { certificate } = testAuthority("ec-p256", { nowMs });
    assert.equal(certificate.isCa, true);
    assert.equal(certificate.pathLength, undefined);
    assert.equal(certificate.extension(oid.basicConstraints)?.critical, true);
    assert.equal(certificate.extension(oid.keyUsage)?.critical, true);
    assert.deepEqual([...(certificate.keyUsage ?? [])], ["keyCertSign", "cRLSign"]);
    assert.equal(certificate.extendedKeyUsage, undefined);
    assert.deepEqual(certificate.uriSans, ["spiffe://a.test"]);
    assert.equal(certificate.authorityKeyId, certificate.subjectKeyId);
    assert.ok(certificate.isSelfIssued && certificate.isSignedBy(certificate));
    assert.equal(certificate.subjectText(), `SERIALNUMBER=${certificate.serialNumber},O=SPIFFE,C=US`);
  });

  it("never gives two authorities one name", () => {
    const subjects = [1, 2, 3].map((i) => toHex(ca({ serial: Uint8Array.of(i) }).subjectDer));
    assert.equal(new Set(subjects).size, 3);
  });

  it("makes an intermediate with a path length and without a URI", () => {
    const middle = testAuthority("ec-p384", { nowMs, issuer: root, pathLength: 0 }).certificate;
    assert.equal(middle.pathLength, 0);
    assert.equal(middle.authorityKeyId, root.certificate.subjectKeyId);
    assert.ok(middle.isSignedBy(root.certificate));
    assert.deepEqual(ca({ uri: undefined }).uriSans, []);
    assert.equal(ca({ subject: { commonName: "x", serialNumber: "s1" } }).subjectText(), "SERIALNUMBER=s1,CN=x");
  });

  it("refuses impossible parts", () => {
    for (const pathLength of [-1, 0.5, 128]) assert.throws(() => ca({ pathLength }), invalid);
    assert.throws(() => ca({ issuer, signatureAlgorithm: "ES384" }), invalid);
    assert.throws(
      () =>
        ca({
          issuer: { ...issuer, subjectDer: nameDer({ commonName: "x", serialNumber: "1" }) },
          subject: { commonName: "x", serialNumber: "1" },
        }),
      invalid,
    );
    assert.throws(() => ca({ serial: new Uint8Array(0) }), invalid);
    assert.throws(() => ca({ spkiDer: spkiDer.subarray(0, 60) }), { name: "CertsError" });
  });
});

describe("assembleCertificate() and issuerInfoOf()", () => {
  it("refuse an algorithm that the signed bytes do not name", () => {
    const tbs = svidTbs(svidParts);
    for (const algorithm of ["ES384", "RS256"] as const) {
      assert.throws(() => assembleCertificate(tbs, algorithm, new Uint8Array(70)), invalid);
    }
    assert.throws(() => assembleCertificate(new Uint8Array(3), "ES256", new Uint8Array(70)), invalid);
  });

  it("refuse issuers that are no authority, have no key id or a key that does not issue", () => {
    const noKeyId = craftCa({ extensions: { subjectKeyId: undefined } });
    const ed25519 = craftCa({ key: testKey("ed25519"), signer: testKey("ec-p256") });
    for (const crafted of [craftLeaf(), noKeyId, ed25519]) {
      assert.throws(() => issuerInfoOf(Certificate.parse(crafted.der)), invalid);
    }
    assert.equal(nameText(issuer.subjectDer), root.certificate.subjectText());
  });

  it("follow the issuer's key", () => {
    for (const [type, algorithm] of [
      ["ec-p384", "ES384"],
      ["rsa-2048", "RS256"],
    ] as const) {
      const authority = testAuthority(type, { nowMs });
      const leaf = testLeaf(authority, testKey("ec-p256"), { nowMs, uri });
      assert.equal(leaf.signatureAlgorithm, algorithm);
      assert.ok(leaf.isSignedBy(authority.certificate));
      assert.ok(!leaf.isSignedBy(testAuthority(type === "rsa-2048" ? "rsa-2048-other" : type, { nowMs }).certificate));
    }
  });
});

describe("randomSerial()", () => {
  it("keeps all random bits, is positive and of one length", () => {
    for (const fill of [0, 0x7f, 0x80, 0xff]) {
      const serial = svid({ serial: randomSerial(new Uint8Array(16).fill(fill)) }).serialNumber;
      assert.equal(BigInt(serial).toString(16), `1${fill.toString(16).padStart(2, "0").repeat(16)}`);
    }
    assert.throws(() => randomSerial(new Uint8Array(15)), invalid);
  });
});
