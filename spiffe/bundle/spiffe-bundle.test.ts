import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, webcrypto } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { BundleMap, parseCertificates, SpiffeBundle, SpiffeError, TrustDomain } from "../index.ts";

const td = TrustDomain.parse("a.test");
const first = (await TestCa.create("a.test")).certificate;
const second = (await TestCa.create("a.test")).certificate;
const key = (): KeyObject => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const spkiDer = (privateKey: KeyObject): Uint8Array =>
  createPublicKey(privateKey).export({ type: "spki", format: "der" });
const jwtKey = key();
const jwt = { keyId: "k1", spkiDer: spkiDer(jwtKey) };
const bundle = SpiffeBundle.of(td, {
  x509Authorities: [{ certificate: first }, { certificate: second }],
  jwtAuthorities: [jwt],
  sequenceNumber: 9007199254740993n,
  refreshHint: 300,
});

describe("SpiffeBundle", () => {
  it("is empty and trusts nobody when nothing is given", () => {
    const empty = SpiffeBundle.empty(td);
    assert.equal(empty.toJwks(), '{"keys":[]}');
    assert.equal(empty.toWorkloadJwks(), '{"keys":[]}');
    assert.equal(empty.x509Der().length, 0);
    assert.equal(empty.trustDomain, td);
  });

  it("replaces what `with` names, keeps the rest and leaves the original alone", () => {
    const changed = bundle.with({ jwtAuthorities: [], refreshHint: undefined });
    assert.deepEqual([changed.jwtAuthorities.length, changed.refreshHint], [0, undefined]);
    assert.deepEqual([changed.x509Authorities.length, changed.sequenceNumber], [2, 9007199254740993n]);
    assert.deepEqual([bundle.jwtAuthorities.length, bundle.refreshHint], [1, 300]);
  });

  it("finds a JWT key by its exact id (P-14)", () => {
    assert.equal(bundle.jwtAuthority("k1")?.keyId, "k1");
    assert.equal(bundle.jwtAuthority("K1"), undefined);
  });

  it("keeps a certificate or key once; tainted if either was", () => {
    const merged = SpiffeBundle.of(td, {
      x509Authorities: [{ certificate: first }, { certificate: first, tainted: true }],
      jwtAuthorities: [{ ...jwt, tainted: true }, jwt],
    });
    assert.deepEqual(
      merged.x509Authorities.map(({ tainted }) => tainted),
      [true],
    );
    assert.deepEqual(
      merged.jwtAuthorities.map(({ tainted }) => tainted),
      [true],
    );
  });

  it("refuses two different keys under one id (P-15)", () => {
    const jwtAuthorities = [jwt, { keyId: "k1", spkiDer: spkiDer(key()) }];
    assert.throws(() => SpiffeBundle.of(td, { jwtAuthorities }), { code: "ERR_BUNDLE_KEY_ID" });
  });

  it("refuses numbers out of range", () => {
    for (const sequenceNumber of [-1n, 2n ** 64n]) {
      assert.throws(() => SpiffeBundle.of(td, { sequenceNumber }), { code: "ERR_BUNDLE_SEQUENCE" });
    }
    for (const refreshHint of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => SpiffeBundle.of(td, { refreshHint }), { code: "ERR_BUNDLE_REFRESH_HINT" });
    }
  });

  it("equals a bundle of the same content in another order, and no other", () => {
    const parts = { x509Authorities: [{ certificate: second }, { certificate: first }] };
    assert.equal(bundle.equals(bundle.with(parts)), true);
    const different = [
      bundle.with({ x509Authorities: [{ certificate: first }] }),
      bundle.with({ x509Authorities: [{ certificate: first, tainted: true }, { certificate: second }] }),
      bundle.with({ jwtAuthorities: [{ ...jwt, tainted: true }] }),
      bundle.with({ jwtAuthorities: [{ ...jwt, keyId: "k2" }] }),
      bundle.with({ sequenceNumber: 9007199254740992n }),
      bundle.with({ sequenceNumber: undefined }),
      bundle.with({ refreshHint: 301 }),
      SpiffeBundle.of(TrustDomain.parse("b.test"), bundle),
    ];
    for (const other of different) assert.equal(bundle.equals(other), false);
  });

  it("can be logged although it holds a bigint", () => {
    assert.doesNotThrow(() => JSON.stringify({ bundle, map: BundleMap.of([bundle]) }));
  });
});

describe("SpiffeBundle documents", () => {
  it("have the shape that SPIRE writes and reads", () => {
    assert.match(bundle.toJwks(), /"spiffe_sequence":9007199254740993,"spiffe_refresh_hint":300\}$/);
    const document: { readonly keys: readonly Record<string, unknown>[] } = JSON.parse(bundle.toJwks());
    const members = ["crv", "kty", "use", "x", "x5c", "y"];
    assert.deepEqual(
      document.keys.map((entry) => Object.keys(entry).sort()),
      [members, members, ["crv", "kid", "kty", "use", "x", "y"]],
    );
    const x5c = document.keys.map((entry) => entry["x5c"]);
    const expected = [first, second].map(({ der }) => [Buffer.from(der).toString("base64")]);
    assert.deepEqual(x5c, [...expected, undefined]);
  });

  it("never carry taints", () => {
    const tainted = bundle.with({
      x509Authorities: [{ certificate: first, tainted: true }],
      jwtAuthorities: [{ ...jwt, tainted: true }],
    });
    const parsed = SpiffeBundle.parseJwks(td, tainted.toJwks()).bundle;
    assert.equal(parsed.x509Authorities[0]?.tainted, false);
    assert.equal(parsed.jwtAuthorities[0]?.tainted, false);
    assert.doesNotMatch(tainted.toJwks() + tainted.toWorkloadJwks(), /taint/);
  });

  it("for workloads have the JWT keys only, without use, and standard software verifies with them (WAPI-59, WAPI-60)", async () => {
    const jwks: { readonly keys: Record<string, string>[] } = JSON.parse(bundle.toWorkloadJwks());
    assert.deepEqual(
      jwks.keys.map((entry) => Object.keys(entry).sort()),
      [["crv", "kid", "kty", "x", "y"]],
    );
    // WebCrypto refuses a JWK whose `use` it does not know, as JOSE libraries do.
    const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    const imported = await webcrypto.subtle.importKey("jwk", jwks.keys[0] ?? {}, algorithm, true, ["verify"]);
    const signature = sign("sha256", Buffer.from("x"), { key: jwtKey, dsaEncoding: "ieee-p1363" });
    assert.equal(await webcrypto.subtle.verify(algorithm, imported, signature, Buffer.from("x")), true);
    const withUse = { ...jwks.keys[0], use: "jwt-svid" };
    await assert.rejects(webcrypto.subtle.importKey("jwk", withUse, algorithm, true, ["verify"]));
  });

  it("for workloads carry the roots as DER one after the other (WAPI-36)", () => {
    const certificates = parseCertificates(bundle.x509Der());
    assert.deepEqual(
      certificates.map((one) => [one.equals(first), one.equals(second)]),
      [
        [true, false],
        [false, true],
      ],
    );
    assert.deepEqual(parseCertificates(new Uint8Array()), []);
    assert.throws(() => parseCertificates(bundle.x509Der().subarray(0, -1)), { code: "ERR_X509_SVID_ENCODING" });
    assert.throws(() => parseCertificates(new Uint8Array((1 << 20) + 1)), { code: "ERR_X509_SVID_ENCODING" });
  });

  it("have a bound in bytes, for text and bytes alike", () => {
    const large = `{"keys":[]${" ".repeat(1 << 20)}}`;
    assert.throws(() => SpiffeBundle.parseJwks(td, large), { code: "ERR_BUNDLE_TOO_LARGE" });
    assert.throws(() => SpiffeBundle.parseJwks(td, Buffer.from(large)), { code: "ERR_BUNDLE_TOO_LARGE" });
    assert.throws(() => BundleMap.parse(Buffer.alloc((8 << 20) + 1)), { code: "ERR_BUNDLE_TOO_LARGE" });
  });

  it("damaged in any way give a bundle or a SpiffeError", () => {
    const text = Buffer.from(bundle.toJwks());
    const damage = fc.tuple(
      fc.nat(text.length - 1),
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom("set", "cut", "insert"),
    );
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), (changes) => {
        const damaged = changes.reduce<Uint8Array>(applyDamage, text);
        try {
          SpiffeBundle.parseJwks(td, damaged);
        } catch (error) {
          assert.ok(error instanceof SpiffeError, String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
});

function applyDamage(bytes: Uint8Array, [offset, value, kind]: readonly [number, number, string]): Uint8Array {
  const at = offset % Math.max(1, bytes.length);
  if (kind === "cut") return bytes.slice(0, at);
  const rest = bytes.subarray(kind === "set" ? at + 1 : at);
  return Buffer.concat([bytes.subarray(0, at), Uint8Array.of(value), rest]);
}

describe("BundleMap", () => {
  const other = SpiffeBundle.empty(TrustDomain.parse("b.test"));

  it("has one bundle per trust domain, the latest", () => {
    const map = BundleMap.of([SpiffeBundle.empty(td), other, bundle]);
    assert.equal(map.size, 2);
    assert.equal(map.get(td), bundle);
    assert.equal(map.get(TrustDomain.parse("c.test")), undefined);
  });

  it("changes by copies", () => {
    const map = BundleMap.of().with(bundle).with(other);
    assert.deepEqual([map.without(td).size, map.size], [1, 2]);
    assert.equal(map.without(td).get(td), undefined);
  });

  it("writes no refresh hints (BND-36) and reads what it writes", () => {
    const map = BundleMap.of([other, bundle]);
    assert.doesNotMatch(map.encode(), /refresh_hint/);
    const again = BundleMap.parse(map.encode());
    assert.equal(again.bundles.equals(map), false);
    assert.equal(again.bundles.equals(map.with(bundle.with({ refreshHint: undefined }))), true);
    assert.equal(again.bundles.equals(BundleMap.of([other])), false);
    assert.deepEqual(again.skipped, []);
  });

  it("says whose key it skipped", () => {
    const { skipped } = BundleMap.parse('{"trust_domains":{"a.test":{"keys":[5]}}}');
    assert.deepEqual(
      skipped.map(({ trustDomain, index, reason }) => [trustDomain.name, index, reason]),
      [["a.test", 0, "not-an-object"]],
    );
  });
});
