import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  BundleMap,
  encodeJwtSvid,
  type JwtSvidClaims,
  joinJws,
  parseJwtSvid,
  SpiffeBundle,
  SpiffeError,
  SpiffeId,
  TrustDomain,
  verifyJwtSvid,
} from "../../index.ts";

const td = TrustDomain.parse("a.test");
const id = SpiffeId.parse("spiffe://a.test/x");
const atMs = 1_000_000_000_000;
const privateKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const claims: JwtSvidClaims = { sub: id, aud: ["reports"], exp: 1_000_000_060, iat: 1_000_000_000 };

function bundleOf(keys: Readonly<Record<string, KeyObject>>): BundleMap {
  const jwtAuthorities = Object.entries(keys).map(([keyId, key]) => {
    return { keyId, spkiDer: createPublicKey(key).export({ type: "spki", format: "der" }) };
  });
  return BundleMap.of([SpiffeBundle.of(td, { jwtAuthorities })]);
}

const bundles = bundleOf({ k: privateKey });

function issue(more: Partial<JwtSvidClaims> = {}): string {
  const input = encodeJwtSvid({ alg: "ES256", kid: "k", claims: { ...claims, ...more } });
  return joinJws(input, sign("sha256", Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" }));
}

describe("encodeJwtSvid() and joinJws()", () => {
  it("make a token that we verify and whose bytes are what RFC 7515 says", () => {
    const token = issue({ iss: "https://issuer.test", jti: "1" });
    const svid = verifyJwtSvid({ token, audience: "reports", bundles, atMs });
    assert.deepEqual(
      [svid.id.toString(), svid.audience, svid.expiresAt, svid.issuedAt, svid.keyId],
      ["spiffe://a.test/x", ["reports"], 1_000_000_060, 1_000_000_000, "k"],
    );
    const [header = "", payload = "", signature = ""] = token.split(".");
    const key = { key: createPublicKey(privateKey), dsaEncoding: "ieee-p1363" } as const;
    assert.equal(verify("sha256", Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, "base64url")), true);
    const decode = (part: string): unknown => JSON.parse(Buffer.from(part, "base64url").toString());
    assert.deepEqual(decode(header), { alg: "ES256", kid: "k", typ: "JWT" });
    const { exp, iat } = claims;
    assert.deepEqual(decode(payload), {
      sub: id.toString(),
      aud: ["reports"],
      exp,
      iat,
      iss: "https://issuer.test",
      jti: "1",
    });
  });

  it("write aud as a list even for one, and leave out what is not given", () => {
    assert.deepEqual(
      { ...parseJwtSvid(issue()).claims },
      { aud: ["reports"], exp: claims.exp, iat: claims.iat, sub: id.toString() },
    );
  });

  it("refuse what no issuer may sign", () => {
    const encode = (kid: string, more: Partial<JwtSvidClaims>) =>
      encodeJwtSvid({ alg: "ES256", kid, claims: { ...claims, ...more } });
    assert.throws(() => encode("", {}), RangeError);
    assert.throws(() => encode("k", { aud: [] }), RangeError);
    assert.throws(() => encode("k", { aud: ["reports", ""] }), RangeError);
    assert.throws(() => encode("k", { exp: 1.5 }), RangeError);
    assert.throws(() => encode("k", { iat: Number.NaN }), RangeError);
  });

  it("print and parse any claims alike", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1, unit: "grapheme" }), { minLength: 1 }),
        fc.nat(),
        fc.nat(),
        (aud, exp, iat) => {
          const parsed = parseJwtSvid(issue({ aud, exp, iat }));
          assert.deepEqual(
            [parsed.audience, parsed.expiresAt, parsed.issuedAt, parsed.id.toString()],
            [aud, exp, iat, id.toString()],
          );
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe("verifyJwtSvid()", () => {
  it("allows five seconds of leeway by default", () => {
    const verifyAt = (seconds: number) =>
      verifyJwtSvid({ token: issue(), audience: "reports", bundles, atMs: seconds * 1000 });
    assert.doesNotThrow(() => verifyAt(1_000_000_064));
    assert.throws(() => verifyAt(1_000_000_065), { code: "ERR_JWT_SVID_EXPIRED" });
  });

  it("allows no more than two minutes of leeway, whatever it is told (red twin of the default)", () => {
    for (const leewaySeconds of [-1, 121, Number.NaN, Number.POSITIVE_INFINITY]) {
      const verify = () => verifyJwtSvid({ token: issue(), audience: "reports", bundles, atMs, leewaySeconds });
      assert.throws(verify, RangeError);
    }
  });

  it("refuses a time that is not a number", () => {
    const verify = () => verifyJwtSvid({ token: issue(), audience: "reports", bundles, atMs: Number.NaN });
    assert.throws(verify, { code: "ERR_JWT_SVID_EXPIRED" });
  });

  it("refuses a bundle of another trust domain, even from a source that hands it out (P-07)", () => {
    const wrong = {
      get: () =>
        SpiffeBundle.of(TrustDomain.parse("b.test"), { jwtAuthorities: bundles.get(td)?.jwtAuthorities ?? [] }),
    };
    const verify = () => verifyJwtSvid({ token: issue(), audience: "reports", bundles: wrong, atMs });
    assert.throws(verify, { code: "ERR_TRUST_DOMAIN_NOT_TRUSTED" });
  });

  it("tries a bounded number of keys for a token without kid", () => {
    const other = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const many = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`other${index}`, other()]));
    const [, payload = ""] = issue().split(".");
    const input = `${Buffer.from('{"alg":"ES256"}').toString("base64url")}.${payload}`;
    const token = joinJws(input, sign("sha256", Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" }));
    const verifyWith = (keys: Readonly<Record<string, KeyObject>>) =>
      verifyJwtSvid({ token, audience: "reports", bundles: bundleOf(keys), atMs });
    assert.equal(verifyWith({ k: privateKey, ...many }).keyId, "k");
    assert.throws(() => verifyWith({ ...many, k: privateKey }), { code: "ERR_JWT_SVID_SIGNATURE" });
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    assert.throws(() => verifyWith({ rsa }), { code: "ERR_JWT_SVID_KEY_UNKNOWN" });
  });

  it("verifies under a tainted key, which is to be replaced but not yet revoked", () => {
    const jwtAuthorities = (bundles.get(td)?.jwtAuthorities ?? []).map((key) => ({ ...key, tainted: true }));
    const tainted = BundleMap.of([SpiffeBundle.of(td, { jwtAuthorities })]);
    assert.equal(verifyJwtSvid({ token: issue(), audience: "reports", bundles: tainted, atMs }).keyId, "k");
  });

  it("gives claims that cannot reach a prototype and keep 64-bit integers", () => {
    const input = [
      { alg: "ES256", kid: "k" },
      `{"__proto__":{"admin":true},"n":9007199254740993,"o":{"a":[1]},"sub":"${id}","aud":"reports","exp":1000000060}`,
    ]
      .map((value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url"))
      .join(".");
    const token = joinJws(input, sign("sha256", Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" }));
    const { claims: found } = verifyJwtSvid({ token, audience: "reports", bundles, atMs });
    assert.equal(found["admin"], undefined);
    assert.equal(found["n"], 9007199254740993n);
    assert.equal(Object.getPrototypeOf(found), null);
    assert.equal(JSON.stringify(found["o"]), '{"a":[1]}');
  });

  it("accepts no damaged token, and only ever throws SpiffeError", () => {
    const token = issue();
    const replacement = fc.constantFrom(..."AZaz09-_.=+/ \n\0é");
    fc.assert(
      fc.property(fc.nat(token.length - 1), replacement, fc.constantFrom(0, 1), (offset, character, removed) => {
        const damaged = token.slice(0, offset) + character + token.slice(offset + removed);
        fc.pre(damaged !== token);
        assert.throws(() => verifyJwtSvid({ token: damaged, audience: "reports", bundles, atMs }), SpiffeError);
      }),
      { numRuns: 500 },
    );
  });

  it("only ever throws SpiffeError for text of any kind", () => {
    const part = fc.oneof(
      fc.json().map((text) => Buffer.from(text).toString("base64url")),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        assert.throws(() => parseJwtSvid(parts.join(".")), SpiffeError);
      }),
    );
  });
});
