import assert from "node:assert/strict";
import { generateKeyPairSync, sign, verify } from "node:crypto";
import { describe, it } from "node:test";
import { jwsSignature } from "./ecdsa-raw.ts";

const message = Buffer.from("message");

describe("jwsSignature()", () => {
  for (const [algorithm, namedCurve, hash, size, rounds] of [
    ["ES256", "P-256", "sha256", 64, 400],
    ["ES384", "P-384", "sha384", 96, 30],
  ] as const) {
    it(`turns DER into the ${size} bytes of ${algorithm}, short numbers padded`, () => {
      const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve });
      // One signature in 128 has a leading zero byte in r or s.
      for (let round = 0; round < rounds; round += 1) {
        const raw = jwsSignature(algorithm, sign(hash, message, privateKey));
        assert.equal(raw.length, size);
        assert.equal(verify(hash, message, { key: publicKey, dsaEncoding: "ieee-p1363" }, raw), true);
      }
    });
  }

  it("leaves RSA signatures as they are", () => {
    const signature = new Uint8Array(256).fill(7);
    assert.equal(jwsSignature("RS256", signature), signature);
  });

  it("refuses numbers of another curve and what is not DER", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
    assert.throws(() => jwsSignature("ES256", sign("sha384", message, privateKey)), RangeError);
    assert.throws(() => jwsSignature("ES256", new Uint8Array(64)), { name: "CertsError" });
  });
});
