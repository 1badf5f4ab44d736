import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { describe, it } from "node:test";
import { fixtureKey } from "../../test/fakes/fixture-keys.ts";
import { JwtAuthority } from "../index.ts";

const spki = (name: string): Uint8Array => createPublicKey(fixtureKey(name)).export({ type: "spki", format: "der" });
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const p256Der = p256.publicKey.export({ type: "spki", format: "der" });

describe("JwtAuthority", () => {
  it("takes the keys that JWT-SVIDs can be signed with", () => {
    for (const name of ["ec-p521", "rsa-2048", "rsa-4096", "rsa-2056"]) {
      const authority = JwtAuthority.of({ keyId: name, spkiDer: spki(name) });
      assert.deepEqual(Buffer.from(authority.spkiDer), Buffer.from(spki(name)));
      assert.deepEqual([authority.expiresAt, authority.tainted], [0, false]);
    }
  });

  for (const name of ["rsa-1024", "rsa-pss-2048", "ec-secp256k1", "ed448"]) {
    it(`refuses a key of kind ${name}`, () => {
      assert.throws(() => JwtAuthority.of({ keyId: "k", spkiDer: spki(name) }), { code: "ERR_JWT_AUTHORITY_KEY" });
    });
  }

  it("refuses bytes that are no key", () => {
    for (const spkiDer of [new Uint8Array(), Uint8Array.of(0x30, 0), p256Der.subarray(1), new Uint8Array(5000)]) {
      assert.throws(() => JwtAuthority.of({ keyId: "k", spkiDer }), { code: "ERR_JWT_AUTHORITY_KEY" });
    }
  });

  it("refuses a private key", () => {
    assert.throws(() => JwtAuthority.fromKey(p256.privateKey, { keyId: "k" }), { code: "ERR_JWT_AUTHORITY_KEY" });
  });

  it("refuses a key id that is empty, too long or not Unicode", () => {
    for (const keyId of ["", "k".repeat(1025), "\ud800"]) {
      assert.throws(() => JwtAuthority.of({ keyId, spkiDer: p256Der }), { code: "ERR_JWT_AUTHORITY_KEY_ID" });
    }
  });

  it("equals only an authority that is the same in every respect", () => {
    const parts = { keyId: "k", spkiDer: p256Der, expiresAt: 5, tainted: false };
    const authority = JwtAuthority.of(parts);
    assert.equal(authority.equals(JwtAuthority.of(parts)), true);
    const others = [{ keyId: "K" }, { expiresAt: 6 }, { tainted: true }, { spkiDer: spki("rsa-2048") }];
    for (const other of others) assert.equal(authority.equals(JwtAuthority.of({ ...parts, ...other })), false);
  });
});
