import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { fixtureKey } from "../../../test/fakes/fixture-keys.ts";
import { TestCa } from "../../../test/fakes/test-ca.ts";
import { BundleMap, SpiffeBundle, SpiffeError, TrustDomain, verifyX509Svid, X509Svid } from "../../index.ts";

const atMs = Date.UTC(2026, 5, 1);
const ca = await TestCa.create("a.test", atMs);
const svid = await ca.issue("/x", { notBeforeMs: atMs, notAfterMs: atMs + 60_000, hint: "internal" });
const bundles = BundleMap.of([ca.bundle]);
const pkcs8 = (key: KeyObject): Uint8Array => key.export({ type: "pkcs8", format: "der" });
const otherKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

describe("X509Svid", () => {
  it("parses what it prints", () => {
    const again = X509Svid.parse({ chainDer: svid.chainDer(), keyDer: pkcs8(svid.key), hint: "internal" });
    assert.equal(again.id.toString(), "spiffe://a.test/x");
    assert.equal(again.leaf.equals(svid.leaf), true);
    assert.deepEqual([again.chain.length, again.hint, again.notAfter], [1, "internal", atMs + 60_000]);
    assert.equal(createPublicKey(again.key).equals(svid.leaf.publicKey()), true);
    assert.equal(X509Svid.of({ chain: svid.chain, key: svid.key }).hint, "");
  });

  it("refuses a key that is not the leaf's, of whatever kind", () => {
    for (const key of [otherKey, fixtureKey("rsa-2048"), createPublicKey(svid.key)]) {
      assert.throws(() => X509Svid.of({ chain: svid.chain, key }), { code: "ERR_X509_SVID_KEY" });
    }
    assert.throws(() => X509Svid.parse({ chainDer: svid.chainDer(), keyDer: pkcs8(otherKey) }), {
      code: "ERR_X509_SVID_KEY",
    });
  });

  it("refuses a key that is not readable PKCS #8", () => {
    const good = pkcs8(svid.key);
    for (const keyDer of [new Uint8Array(), good.subarray(1), good.subarray(0, -1), new Uint8Array(10_000)]) {
      assert.throws(() => X509Svid.parse({ chainDer: svid.chainDer(), keyDer }), { code: "ERR_X509_SVID_KEY" });
    }
  });

  it("refuses a leaf whose public key is no key", () => {
    const { der, spkiDer } = svid.leaf;
    const damaged = Uint8Array.from(der);
    const lastByteOfPoint = Buffer.from(der).indexOf(spkiDer) + spkiDer.length - 1;
    damaged[lastByteOfPoint] = (damaged[lastByteOfPoint] ?? 0) ^ 1;
    assert.throws(() => X509Svid.of({ chain: damaged, key: svid.key }), { code: "ERR_X509_SVID_KEY" });
  });

  it("refuses a signing certificate as its leaf (P-06)", () => {
    assert.throws(() => X509Svid.of({ chain: [ca.certificate], key: otherKey }), { code: "ERR_X509_SVID_NO_PATH" });
  });

  it("shows no key when printed or serialised", () => {
    const secret = svid.key.export({ format: "jwk" }).d ?? "";
    assert.ok(secret.length > 40);
    for (const text of [inspect(svid, { depth: 9, showHidden: true }), JSON.stringify(svid), `${svid}`]) {
      assert.ok(!text.includes(secret));
    }
  });
});

describe("chains", () => {
  const verify = (chain: Uint8Array | readonly Uint8Array[]) => verifyX509Svid({ chain, bundles, atMs, usage: "any" });

  it("must have a certificate", () => {
    assert.throws(() => verify([]), { code: "ERR_X509_SVID_CHAIN_LENGTH" });
    assert.throws(() => verify(new Uint8Array()), { code: "ERR_X509_SVID_CHAIN_LENGTH" });
  });

  it("have a bound in number and bytes", () => {
    const nine = Array<Uint8Array>(9).fill(svid.leaf.der);
    assert.throws(() => verify(nine), { code: "ERR_X509_SVID_CHAIN_LENGTH" });
    assert.throws(() => verify(Buffer.concat(nine)), { code: "ERR_X509_SVID_CHAIN_LENGTH" });
    assert.doesNotThrow(() => verify(nine.slice(1)));
    assert.throws(() => verify(new Uint8Array((64 << 10) + 1)), { code: "ERR_X509_SVID_ENCODING" });
  });

  it("are refused with bytes behind, between or missing (Q-25)", () => {
    const { der } = svid.leaf;
    const broken = [
      Buffer.concat([der, Uint8Array.of(0)]),
      Buffer.concat([Uint8Array.of(0), der]),
      Buffer.concat([der, Uint8Array.of(0x30)]),
      Buffer.concat([der, Uint8Array.of(0x30, 0x80)]),
      Buffer.concat([der, Uint8Array.of(0x30, 0x84, 1, 0, 0, 0)]),
      Buffer.concat([der, Uint8Array.of(0x30, 0x82)]),
      der.subarray(0, -1),
    ];
    for (const chain of broken) assert.throws(() => verify(chain), { code: "ERR_X509_SVID_ENCODING" });
    assert.throws(() => verify([Uint8Array.of(0x30, 0)]), { code: "ERR_X509_SVID_ENCODING" });
  });

  it("refuse a root as leaf also when no purpose is checked (P-06)", () => {
    assert.throws(() => verify([ca.certificate.der]), { code: "ERR_X509_SVID_NO_PATH" });
  });

  it("refuse a bundle of another trust domain, even from a source that hands it out (P-07)", () => {
    const x509Authorities = [{ certificate: ca.certificate }];
    const wrong = { get: () => SpiffeBundle.of(TrustDomain.parse("b.test"), { x509Authorities }) };
    const verifyWrong = () => verifyX509Svid({ chain: svid.chain, bundles: wrong, atMs, usage: "any" });
    assert.throws(verifyWrong, { code: "ERR_TRUST_DOMAIN_NOT_TRUSTED" });
  });

  it("verify under a tainted root, which is to be replaced but not yet revoked", () => {
    const x509Authorities = [{ certificate: ca.certificate, tainted: true }];
    const tainted = BundleMap.of([ca.bundle.with({ x509Authorities })]);
    assert.equal(verifyX509Svid({ chain: svid.chain, bundles: tainted, atMs, usage: "server" }).path.length, 2);
  });

  it("are never accepted with a bit changed, and only ever give SpiffeError", () => {
    const der = svid.chainDer();
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(7), (offset, bit) => {
        const damaged = Uint8Array.from(der);
        damaged[offset] = (damaged[offset] ?? 0) ^ (1 << bit);
        assert.throws(() => verify(damaged), SpiffeError);
      }),
      { numRuns: 300 },
    );
  });

  it("of any bytes only ever give SpiffeError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (chain) => assert.throws(() => verify(chain), SpiffeError)),
    );
  });
});
