import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, it } from "node:test";
import { buildCsr, Certificate, encodeSpki } from "../../certs/index.ts";
import { SpiffeId, TrustDomain, verifyX509Svid } from "../../spiffe/index.ts";
import { AuthorityWorld, hour, testTrustDomain } from "../../test/fakes/authority-world.ts";
import { brokenCsr, craftedCsr, csrWithForeignKey } from "../../test/fakes/crafted-csr.ts";
import { RemoteKeyManager } from "../../test/fakes/remote-key-manager.ts";
import type { Authorities } from "../authority/authorities.ts";
import { serverErrors } from "../errors.ts";
import type { IssuancePipeline } from "./issuance-pipeline.ts";
import type { X509IssueOutcome, X509IssueRequest } from "./ports.ts";
import { finishSvid } from "./svid-job.ts";

const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const csrDer = buildCsr({ key });

function request(changes: Partial<X509IssueRequest> = {}): X509IssueRequest {
  const id = SpiffeId.of(testTrustDomain, "/ns/default/web");
  return { id, csrDer, dnsNames: [], ttl: 0, notAfterCap: 0, hint: "", profile: "workload", ...changes };
}

interface Running {
  readonly world: AuthorityWorld;
  readonly authorities: Authorities;
  readonly issuance: IssuancePipeline;
}

async function running(prepare: (world: AuthorityWorld) => void = () => {}): Promise<Running> {
  const world = new AuthorityWorld();
  prepare(world);
  const authorities = await world.start();
  return { world, authorities, issuance: world.issuance(authorities) };
}

async function issueOne({ issuance }: Running, changes: Partial<X509IssueRequest> = {}): Promise<X509IssueOutcome> {
  const [outcome] = await issuance.issueX509Svids([request(changes)]);
  assert.ok(outcome !== undefined);
  return outcome;
}

function issued(outcome: X509IssueOutcome): Extract<X509IssueOutcome, { kind: "issued" }> {
  assert.equal(outcome.kind, "issued", JSON.stringify(outcome));
  if (outcome.kind !== "issued") throw new Error("not issued");
  return outcome;
}

function leafOf(outcome: X509IssueOutcome): Certificate {
  return Certificate.parse(issued(outcome).svid.chain[0] ?? new Uint8Array());
}

describe("issueX509Svids()", () => {
  it("issues what was asked for, valid under the bundle", async () => {
    const all = await running();
    const outcome = issued(await issueOne(all, { dnsNames: ["web.example.org"], hint: "internal" }));
    const leaf = leafOf(outcome);
    const { id } = verifyX509Svid({
      chain: outcome.svid.chain,
      bundles: { get: () => all.authorities.bundle },
      atMs: all.world.clock.now(),
      usage: "any",
    });
    assert.equal(id.toString(), "spiffe://example.org/ns/default/web");
    assert.deepEqual(leaf.dnsSans, ["web.example.org"]);
    assert.deepEqual(leaf.spkiDer, encodeSpki(key));
    assert.equal(leaf.notAfter, (all.world.nowSeconds + hour) * 1000);
    assert.equal(leaf.notBefore, (all.world.nowSeconds - 10) * 1000);
    assert.equal(outcome.svid.expiresAt, all.world.nowSeconds + hour);
    assert.equal(outcome.svid.hint, "internal");
    assert.equal(outcome.serialNumber, leaf.serialNumber);
    assert.equal(outcome.svid.chain.length, 1, "a self-signed CA is not in the chain");
  });

  it("takes nothing from the request but its key", async () => {
    const lying = buildCsr({
      key,
      subject: { commonName: "admin" },
      uriSans: ["spiffe://example.org/spire/server"],
      dnsSans: ["bank.example"],
    });
    const leaf = leafOf(await issueOne(await running(), { csrDer: lying }));
    assert.deepEqual(leaf.uriSans, ["spiffe://example.org/ns/default/web"]);
    assert.deepEqual(leaf.dnsSans, []);
    assert.doesNotMatch(leaf.subjectText(), /admin/);
  });

  it("answers each request of a batch in its place, the wrong ones too", async () => {
    const all = await running();
    const outcomes = await all.issuance.issueX509Svids([
      request({ id: SpiffeId.of(testTrustDomain, "/a") }),
      request({ csrDer: Buffer.from("rubbish") }),
      request({ id: SpiffeId.of(testTrustDomain, "/b") }),
      request({ csrDer: brokenCsr(csrDer) }),
      request({ id: SpiffeId.of(testTrustDomain, "/spire/x") }),
      request({ id: SpiffeId.of(testTrustDomain, "/c") }),
    ]);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.kind === "issued" ? outcome.svid.id.path : outcome.code)),
      ["/a", "ERR_CSR_MALFORMED", "/b", "ERR_CSR_SIGNATURE", "ERR_SVID_ID_REFUSED", "/c"],
    );
    const serials = outcomes.flatMap((outcome) => (outcome.kind === "issued" ? outcome.serialNumber : []));
    assert.equal(new Set(serials).size, 3);
  });

  it("answers an empty batch with nothing", async () => {
    assert.deepEqual(await (await running()).issuance.issueX509Svids([]), []);
  });

  it("gives agents their own default life", async () => {
    const all = await running();
    const issuance = all.world.issuance(all.authorities, { agentTtl: 7200 });
    const id = SpiffeId.of(testTrustDomain, "/spire/agent/join_token/x");
    const [outcome] = await issuance.issueX509Svids([request({ id, profile: "agent" })]);
    assert.equal(outcome?.kind === "issued" && outcome.svid.expiresAt, all.world.nowSeconds + 7200);
  });

  const ids: readonly [string, "workload" | "agent", boolean][] = [
    ["/a", "workload", true],
    ["/spirex", "workload", true],
    ["/spire/agent/join_token/x", "agent", true],
    ["", "workload", false],
    ["/spire", "workload", false],
    ["/spire/server", "workload", false],
    ["/spire/agent/join_token/x", "workload", false],
    ["/a", "agent", false],
    ["/spire/server", "agent", false],
    ["/spire/agent", "agent", false],
  ];
  for (const [path, profile, isIssued] of ids) {
    it(`${isIssued ? "issues" : "refuses"} the id "${path}" for a ${profile}`, async () => {
      const outcome = await issueOne(await running(), { id: SpiffeId.of(testTrustDomain, path), profile });
      if (isIssued) assert.equal(outcome.kind, "issued");
      else assert.equal(outcome.kind === "refused" && outcome.code, "ERR_SVID_ID_REFUSED");
    });
  }

  it("refuses an id of another trust domain", async () => {
    const id = SpiffeId.of(TrustDomain.parse("example.com"), "/ns/default/web");
    const outcome = await issueOne(await running(), { id });
    assert.equal(outcome.kind === "refused" && outcome.code, "ERR_SVID_ID_REFUSED");
  });

  const p224 = generateKeyPairSync("ec", { namedCurve: "secp224r1" }).privateKey;
  const k256 = generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey;
  const rsa1024 = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
  const exponent3 = generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 }).privateKey;
  const foreign = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const offCurve = Uint8Array.from(encodeSpki(key));
  offCurve[60] = (offCurve[60] ?? 0) ^ 1;
  const published = createPrivateKey({
    key: {
      kty: "EC",
      crv: "P-256",
      x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
      y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
      d: "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    },
    format: "jwk",
  });
  const refusals: readonly [string, Uint8Array, string][] = [
    ["nothing", new Uint8Array(), "ERR_CSR_MALFORMED"],
    ["half a request", csrDer.subarray(0, 100), "ERR_CSR_MALFORMED"],
    ["a request with something after it", Buffer.concat([csrDer, Buffer.of(0)]), "ERR_CSR_MALFORMED"],
    ["a request longer than the limit", new Uint8Array(8193), "ERR_CSR_TOO_LARGE"],
    ["a request with a wrong signature", brokenCsr(csrDer), "ERR_CSR_SIGNATURE"],
    ["a request for somebody else's key", csrWithForeignKey(csrDer, encodeSpki(foreign)), "ERR_CSR_SIGNATURE"],
    [
      "a request for somebody else's key, signed by the sender",
      craftedCsr({ signWith: key, spkiDer: encodeSpki(foreign) }),
      "ERR_CSR_SIGNATURE",
    ],
    ["a P-224 key", craftedCsr({ signWith: p224 }), "ERR_CSR_KEY_UNSUPPORTED"],
    ["a secp256k1 key", craftedCsr({ signWith: k256 }), "ERR_CSR_KEY_UNSUPPORTED"],
    ["an RSA-1024 key", craftedCsr({ signWith: rsa1024 }), "ERR_CSR_KEY_UNSUPPORTED"],
    ["an RSA key with exponent 3", craftedCsr({ signWith: exponent3 }), "ERR_CSR_KEY_UNSUPPORTED"],
    ["a point that is not on its curve", craftedCsr({ signWith: key, spkiDer: offCurve }), "ERR_CSR_KEY_UNSUPPORTED"],
    ["a key whose private half is in an RFC", buildCsr({ key: published }), "ERR_CSR_KEY_BLOCKED"],
  ];
  for (const [name, csr, code] of refusals) {
    it(`refuses ${name}`, async () => {
      const outcome = await issueOne(await running(), { csrDer: csr });
      assert.equal(outcome.kind === "refused" ? outcome.code : "issued", code);
    });
  }

  it("issues for the same crafted request when it is right", async () => {
    assert.equal((await issueOne(await running(), { csrDer: craftedCsr({ signWith: key }) })).kind, "issued");
  });

  it("refuses an authority's own key, also of one that only waits to sign", async () => {
    const all = await running();
    await all.world.clock.advance(12 * hour * 1000);
    await all.authorities.tick();
    const records = all.authorities.records();
    assert.equal(records.length, 4);
    for (const record of records) {
      const own = await all.world.keyManager.localKey(record.keyId);
      assert.ok(own !== undefined);
      const outcome = await issueOne(all, { csrDer: buildCsr({ key: own }) });
      assert.equal(outcome.kind === "refused" && outcome.code, "ERR_CSR_KEY_BLOCKED");
    }
  });

  it("refuses names that cannot be in a certificate", async () => {
    for (const name of ["", "a b", "a..b", "*.*.example.org", "ex\u0000ample.org", "a".repeat(254)]) {
      const outcome = await issueOne(await running(), { dnsNames: [name] });
      assert.equal(outcome.kind === "refused" && outcome.code, "ERR_SVID_NAMES");
    }
  });

  it("ends no SVID after its issuer or its entry, and refuses when nothing is left", async () => {
    const all = await running();
    const { world, authorities } = all;
    const until = authorities.x509Issuer().notAfter;
    await world.clock.advance(23.5 * hour * 1000);
    assert.equal(leafOf(await issueOne(all)).notAfter, until * 1000);
    const cap = world.nowSeconds + 60;
    assert.equal(leafOf(await issueOne(all, { notAfterCap: cap })).notAfter, cap * 1000);
    for (const notAfterCap of [world.nowSeconds, world.nowSeconds - 5]) {
      const outcome = await issueOne(all, { notAfterCap });
      assert.equal(outcome.kind === "refused" && outcome.code, "ERR_SVID_LIFETIME");
    }
    await world.clock.advance(0.5 * hour * 1000);
    const outcome = await issueOne(all);
    assert.equal(outcome.kind === "refused" && outcome.code, "ERR_SVID_LIFETIME");
  });

  it("signs with the new authority as soon as it is active", async () => {
    const all = await running();
    const first = leafOf(await issueOne(all)).authorityKeyId;
    await all.world.clock.advance(12 * hour * 1000);
    await all.authorities.tick();
    assert.equal(leafOf(await issueOne(all)).authorityKeyId, first);
    await all.world.clock.advance(8 * hour * 1000);
    await all.authorities.tick();
    assert.equal(leafOf(await issueOne(all)).authorityKeyId, all.authorities.x509Issuer().authorityId);
    assert.notEqual(all.authorities.x509Issuer().authorityId, first);
  });

  for (const caKeyType of ["ec-p256", "ec-p384", "rsa-2048"] as const) {
    it(`hands out nothing that a remote ${caKeyType} signer did not sign`, async () => {
      const keys = new RemoteKeyManager();
      const all = await running((world) => {
        world.keyManager = keys;
        world.options = { ...world.options, caKeyType };
      });
      keys.isMixedUp = true;
      const [outcome] = await all.issuance.issueX509Svids([request()]);
      assert.equal(outcome?.kind === "refused" && outcome.code, "ERR_SVID_RECHECK");
    });

    it(`issues the same with an ${caKeyType} CA whose key is remote`, async () => {
      const keys = new RemoteKeyManager();
      const all = await running((world) => {
        world.keyManager = keys;
        world.options = { ...world.options, caKeyType };
      });
      const before = keys.signatures;
      const outcomes = await all.issuance.issueX509Svids([
        request(),
        request({ csrDer: brokenCsr(csrDer) }),
        request(),
      ]);
      assert.equal(keys.signatures - before, 2, "nothing is signed for a request that is refused");
      assert.deepEqual(
        outcomes.map((outcome) => (outcome.kind === "issued" ? outcome.kind : outcome.code)),
        ["issued", "ERR_CSR_SIGNATURE", "issued"],
      );
      for (const outcome of [outcomes[0], outcomes[2]]) {
        assert.ok(outcome?.kind === "issued");
        verifyX509Svid({
          chain: outcome.svid.chain,
          bundles: { get: () => all.authorities.bundle },
          atMs: all.world.clock.now(),
          usage: "any",
        });
      }
    });
  }

  it("rejects when there is no authority", async () => {
    const { world, authorities } = await running();
    const none = serverErrors.error("ERR_AUTHORITY_UNAVAILABLE", "none");
    const issuance = world.issuance({
      trustDomain: testTrustDomain,
      bundle: authorities.bundle,
      x509Issuer: () => {
        throw none;
      },
      jwtIssuer: () => {
        throw none;
      },
      records: () => [],
      health: () => [],
      onChanged: () => () => {},
    });
    await assert.rejects(issuance.issueX509Svids([request()]), { code: "ERR_AUTHORITY_UNAVAILABLE" });
    await assert.rejects(issuance.issueServerSvid(), { code: "ERR_AUTHORITY_UNAVAILABLE" });
  });
});

describe("finishSvid()", () => {
  it("keeps back a certificate that is not the one asked for", async () => {
    const all = await running();
    const leaf = leafOf(await issueOne(all, { dnsNames: ["a.example"] }));
    const { info } = all.authorities.x509Issuer();
    const item = {
      csrDer,
      uri: "spiffe://example.org/ns/default/web",
      dnsNames: ["a.example"],
      serial: new Uint8Array(16),
      notBefore: leaf.notBefore / 1000,
      notAfter: leaf.notAfter / 1000,
    };
    const finish = (changes: Partial<typeof item>, spkiDer: Uint8Array = leaf.spkiDer, issuer = info): string => {
      const result = finishSvid(issuer, { ...item, ...changes }, spkiDer, leaf.tbsDer, leaf.signature);
      return result.kind === "refused" ? result.code : result.kind;
    };
    const foreign = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    assert.equal(finish({}), "signed");
    assert.equal(finish({ uri: "spiffe://example.org/other" }), "ERR_SVID_RECHECK");
    assert.equal(finish({ dnsNames: [] }), "ERR_SVID_RECHECK");
    assert.equal(finish({ dnsNames: ["b.example"] }), "ERR_SVID_RECHECK");
    assert.equal(finish({ notAfter: item.notAfter + 1 }), "ERR_SVID_RECHECK");
    assert.equal(finish({ notBefore: item.notBefore + 1 }), "ERR_SVID_RECHECK");
    assert.equal(finish({}, encodeSpki(foreign)), "ERR_SVID_RECHECK");
    assert.equal(finish({}, leaf.spkiDer, { ...info, subjectDer: leaf.subjectDer }), "ERR_SVID_RECHECK");
  });
});

describe("issueServerSvid()", () => {
  it("issues the server's SVID for a fresh key", async () => {
    const all = await running();
    const first = await all.issuance.issueServerSvid();
    const second = await all.issuance.issueServerSvid();
    const { id } = verifyX509Svid({
      chain: first.chain,
      bundles: { get: () => all.authorities.bundle },
      atMs: all.world.clock.now(),
      usage: "server",
    });
    assert.equal(id.toString(), "spiffe://example.org/spire/server");
    const spkiOf = (each: { readonly chain: readonly Uint8Array[] }): Uint8Array =>
      Certificate.parse(each.chain[0] ?? new Uint8Array()).spkiDer;
    const own = (each: { readonly key: KeyObject }): Uint8Array => encodeSpki(each.key);
    assert.deepEqual(spkiOf(first), own(first));
    assert.notDeepEqual(own(first), own(second));
    assert.equal(first.notAfter, all.world.nowSeconds + hour);
  });
});
