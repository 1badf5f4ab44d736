import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, it } from "node:test";
import { exportJWK, importJWK, jwtVerify, SignJWT } from "jose";
import { encodeSpki } from "../../../certs/index.ts";
import { SpiffeBundle } from "../../bundle/spiffe-bundle.ts";
import { SpiffeId, TrustDomain } from "../../id/spiffe-id.ts";
import { encodeJwtSvid, joinJws } from "./encode.ts";
import { verifyJwtSvid } from "./verify.ts";

const trustDomain = TrustDomain.parse("one.test");
const nowSeconds = 1_800_000_000;

const kinds = [
  { alg: "ES256", make: () => generateKeyPairSync("ec", { namedCurve: "P-256" }) },
  { alg: "ES384", make: () => generateKeyPairSync("ec", { namedCurve: "P-384" }) },
  { alg: "RS256", make: () => generateKeyPairSync("rsa", { modulusLength: 2048 }) },
] as const;

function bundleWith(publicKey: KeyObject): SpiffeBundle {
  return SpiffeBundle.of(trustDomain, {
    jwtAuthorities: [{ keyId: "k1", spkiDer: encodeSpki(publicKey), expiresAt: 0, tainted: false }],
  });
}

describe("JWT-SVIDs against an independent implementation (jose)", () => {
  for (const { alg, make } of kinds) {
    it(`${alg}: what jose signs verifies here`, async () => {
      const { privateKey, publicKey } = make();
      const token = await new SignJWT({})
        .setProtectedHeader({ alg, kid: "k1", typ: "JWT" })
        .setSubject("spiffe://one.test/web")
        .setAudience(["db"])
        .setExpirationTime(nowSeconds + 60)
        .sign(privateKey);
      const bundle = bundleWith(publicKey);
      const verified = verifyJwtSvid({
        token,
        audience: "db",
        bundles: { get: () => bundle },
        atMs: nowSeconds * 1000,
      });
      assert.equal(verified.id.toString(), "spiffe://one.test/web");
    });

    it(`${alg}: what is made here verifies with jose, and a changed one does not`, async () => {
      const { privateKey, publicKey } = make();
      const claims = {
        sub: SpiffeId.parse("spiffe://one.test/web"),
        aud: ["db"],
        exp: nowSeconds + 60,
        iat: nowSeconds,
      };
      const input = encodeJwtSvid({ alg, kid: "k1", claims });
      const hash = alg === "ES384" ? "sha384" : "sha256";
      const token = joinJws(input, sign(hash, Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" }));
      const key = await importJWK(await exportJWK(publicKey), alg);
      const options = { audience: "db", currentDate: new Date(nowSeconds * 1000) };
      const { payload, protectedHeader } = await jwtVerify(token, key, options);
      assert.equal(payload.sub, "spiffe://one.test/web");
      assert.deepEqual(protectedHeader, { alg, kid: "k1", typ: "JWT" });
      await assert.rejects(jwtVerify(token, key, { ...options, audience: "other" }));
    });
  }
});
