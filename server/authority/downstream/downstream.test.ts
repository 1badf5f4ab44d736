import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { describe, it } from "node:test";
import {
  assembleCertificate,
  buildCsr,
  Certificate,
  caTbs,
  encodeSpki,
  issuerInfoOf,
  randomSerial,
  signBytes,
} from "../../../certs/index.ts";
import { JwtAuthority, SpiffeBundle } from "../../../spiffe/index.ts";
import { AuthorityWorld, day, testTrustDomain } from "../../../test/fakes/authority-world.ts";
import { testKey } from "../../../test/fakes/fixture-keys.ts";
import type { Signer } from "../../issuance/ports.ts";
import { checkMintedCa } from "../check-minted-ca.ts";
import type { SigningAuthorities } from "../ports.ts";
import { issueDownstreamCa } from "./downstream-ca.ts";
import { publishJwtKey } from "./publish-jwt-key.ts";

async function issuing(world = new AuthorityWorld()) {
  const authorities = await world.start();
  const { clock, random } = world;
  const deps = { authorities, trustDomain: testTrustDomain, subject: undefined, caTtl: day / 2, clock, random };
  return { world, authorities, deps };
}

describe("issueDownstreamCa()", () => {
  it("makes a CA of the trust domain for the key in the request, and nothing else of the request", async () => {
    const { world, authorities, deps } = await issuing();
    const key = testKey("ec-p256");
    const csrDer = buildCsr({ key, subject: { commonName: "root" }, uriSans: ["spiffe://example.org/admin"] });
    const ca = await issueDownstreamCa(deps, { csrDer, preferredTtl: 600 });
    const [der] = ca.chain;
    const made = Certificate.parse(der ?? new Uint8Array());
    assert.equal(ca.chain.length, 1, "a trust anchor is not part of a chain");
    assert.equal(made.isCa, true);
    assert.deepEqual(made.uriSans, ["spiffe://example.org"]);
    assert.deepEqual(made.spkiDer, encodeSpki(key));
    assert.match(made.subjectText(), /OU=DOWNSTREAM-1/);
    assert.deepEqual([...(made.keyUsage ?? [])].sort(), ["cRLSign", "keyCertSign"]);
    assert.equal(made.notAfter, (world.nowSeconds + 600) * 1000);
    assert.equal(made.isSignedBy(authorities.x509Issuer().certificate), true);
  });

  it("gives the configured life when none is preferred, and never more than its issuer has left", async () => {
    const { world, authorities, deps } = await issuing();
    const csrDer = buildCsr({ key: testKey("ec-p256") });
    assert.equal((await issueDownstreamCa(deps, { csrDer, preferredTtl: 0 })).notAfter, world.nowSeconds + day / 2);
    const long = await issueDownstreamCa(deps, { csrDer, preferredTtl: 10 * day });
    assert.equal(long.notAfter, authorities.x509Issuer().notAfter);
  });

  it("refuses a request without proof of possession, an authority's own key, and what is no request", async () => {
    const { world, deps } = await issuing();
    const broken = buildCsr({ key: testKey("ec-p256") });
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
    const [keyId = ""] = await world.keyManager.listKeyIds();
    const own = await world.keyManager.localKey(keyId);
    assert.ok(own !== undefined);
    const refused: readonly (readonly [Uint8Array, string])[] = [
      [broken, "ERR_CSR_SIGNATURE"],
      [buildCsr({ key: own }), "ERR_CSR_KEY_BLOCKED"],
      [new Uint8Array([1, 2, 3]), "ERR_CSR_MALFORMED"],
      [new Uint8Array(100_000), "ERR_CSR_TOO_LARGE"],
    ];
    for (const [csrDer, code] of refused) {
      await assert.rejects(issueDownstreamCa(deps, { csrDer, preferredTtl: 0 }), { code });
    }
  });

  it("passes on a path length lowered by one, and makes no CA where it is used up", async () => {
    const { world, authorities, deps } = await issuing();
    const key = testKey("ec-p256");
    const issuer = authorities.x509Issuer();
    const below = (pathLength: number): Pick<SigningAuthorities, "x509Issuer" | "records"> => {
      const tbs = caTbs({
        serial: randomSerial(world.random.bytes(16)),
        notBeforeMs: world.clock.now(),
        notAfterMs: world.clock.now() + 3_600_000,
        spkiDer: encodeSpki(key),
        subject: { commonName: "limited" },
        signatureAlgorithm: "ES256",
        pathLength,
      });
      const certificate = Certificate.parse(assembleCertificate(tbs, "ES256", signBytes("ES256", tbs, key)));
      const sign = async (message: Uint8Array) => signBytes("ES256", message, key);
      const limited = { ...issuer, certificate, info: issuerInfoOf(certificate), signer: { ...issuer.signer, sign } };
      return { records: () => authorities.records(), x509Issuer: () => limited };
    };
    const csrDer = buildCsr({ key: testKey("ec-p256") });
    const two = await issueDownstreamCa({ ...deps, authorities: below(2) }, { csrDer, preferredTtl: 0 });
    assert.equal(Certificate.parse(two.chain[0] ?? new Uint8Array()).pathLength, 1);
    await assert.rejects(issueDownstreamCa({ ...deps, authorities: below(0) }, { csrDer, preferredTtl: 0 }), {
      code: "ERR_DOWNSTREAM_PATH_LENGTH",
    });
  });

  it("gives what the server below accepts: its SVIDs verify under the bundle", async () => {
    const { world, authorities, deps } = await issuing();
    const key = testKey("ec-p256");
    const { chain } = await issueDownstreamCa(deps, { csrDer: buildCsr({ key }), preferredTtl: 0 });
    const signer: Signer = {
      algorithm: "ES256",
      publicKey: createPublicKey(key),
      sign: async (message) => signBytes("ES256", message, key),
    };
    const anchors = authorities.bundle.x509Authorities.map(({ certificate }) => certificate.der);
    const options = { trustDomain: testTrustDomain, signer, nowMs: world.clock.now(), random: world.random };
    const accepted = await checkMintedCa({ minted: { chain, anchors, upstreamId: "" }, ...options });
    assert.deepEqual(accepted.der, chain[0]);
    const foreign = (await new AuthorityWorld(9).start()).x509Issuer().certificate.der;
    await assert.rejects(checkMintedCa({ minted: { chain, anchors: [foreign], upstreamId: "" }, ...options }), {
      code: "ERR_AUTHORITY_MINT_REJECTED",
    });
  });
});

describe("publishJwtKey()", () => {
  const key = (keyId: string, expiresAt = 2_000_000_000): JwtAuthority =>
    JwtAuthority.of({ keyId, spkiDer: encodeSpki(testKey("ec-p256")), expiresAt });

  async function publishing() {
    const world = new AuthorityWorld();
    const published: string[] = [];
    const upstream = { publishJwtKey: async ({ keyId }: JwtAuthority) => void published.push(keyId) };
    const bundle = async () => (await world.store.findBundle(testTrustDomain)) ?? SpiffeBundle.empty(testTrustDomain);
    const publish = async (one: JwtAuthority) =>
      publishJwtKey({ store: world.store, upstream, nowSeconds: world.nowSeconds, bundle: await bundle() }, one);
    return { world, published, publish, bundle };
  }

  it("publishes above first, then here; the same key again changes nothing", async () => {
    const { published, publish } = await publishing();
    const one = key("below-1");
    const after = await publish(one);
    assert.deepEqual(published, ["below-1"]);
    assert.deepEqual(
      after.jwtAuthorities.map(({ keyId }) => keyId),
      ["below-1"],
    );
    const again = await publish(one);
    assert.equal(again.sequenceNumber, after.sequenceNumber);
  });

  it("hands no key id over to another key", async () => {
    const { publish, published } = await publishing();
    await publish(key("taken"));
    await assert.rejects(publish(key("taken")), { code: "ERR_JWT_KEY_TAKEN" });
    assert.deepEqual(published, ["taken"], "nor is it sent further up");
  });

  it("refuses an expired key, and more keys than the bundle may hold", async () => {
    const { world, publish } = await publishing();
    await assert.rejects(publish(key("late", world.nowSeconds)), { code: "ERR_JWT_KEY_EXPIRED" });
    await assert.rejects(publish(key("endless", 0)), { code: "ERR_JWT_KEY_ENDLESS" });
    const publicKey = encodeSpki(testKey("ec-p256"));
    await world.store.commitAuthorities({
      put: [],
      remove: [],
      bundleEdits: Array.from({ length: 256 }, (_, index) => {
        return { kind: "add-jwt", keyId: `k${index}`, publicKey, expiresAt: 2_000_000_000 } as const;
      }),
    });
    await assert.rejects(publish(key("one-more")), { code: "ERR_BUNDLE_FULL" });
  });

  it("does not publish here what could not be published above", async () => {
    const { world, bundle } = await publishing();
    const upstream = { publishJwtKey: () => Promise.reject(new Error("down")) };
    await assert.rejects(
      publishJwtKey({ store: world.store, upstream, nowSeconds: 0, bundle: await bundle() }, key("k")),
      { message: "down" },
    );
    assert.equal((await bundle()).jwtAuthorities.length, 0);
  });
});
