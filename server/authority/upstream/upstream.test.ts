import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { encodePem, encodePkcs8 } from "../../../certs/index.ts";
import { JwtAuthority, SpiffeBundle } from "../../../spiffe/index.ts";
import { AuthorityWorld, day, testTrustDomain } from "../../../test/fakes/authority-world.ts";
import { settle } from "../../../test/fakes/fake-clock.ts";
import { type TestCa, testCa } from "../../../test/fakes/upstream-ca.ts";
import type { AuthorityRecord } from "../../domain/authority.ts";
import { expiredEdits } from "../bundle-over.ts";
import type { UpstreamBundle } from "../ports.ts";
import { diskUpstream } from "./disk.ts";
import { upstreamEdits } from "./upstream-edits.ts";
import { UpstreamFollower } from "./upstream-follower.ts";

const world = new AuthorityWorld();
const nowSeconds = world.nowSeconds;
const [one, two, three] = [testCa("one", world.clock), testCa("two", world.clock), testCa("three", world.clock)];

function x509(...authorities: readonly (TestCa | readonly [TestCa, "tainted"])[]) {
  return authorities.map((authority) => {
    return "der" in authority
      ? { certificate: authority.certificate, tainted: false }
      : { certificate: authority[0].certificate, tainted: true };
  });
}

function above(authorities: ReturnType<typeof x509>, jwt?: readonly JwtAuthority[]): UpstreamBundle {
  return {
    isComplete: true,
    x509: authorities.map(({ certificate, tainted }) => ({ certificateDer: certificate.der, tainted })),
    jwt,
  };
}

function own(authorities: ReturnType<typeof x509>, jwt: readonly JwtAuthority[] = []): SpiffeBundle {
  return SpiffeBundle.of(testTrustDomain, { x509Authorities: authorities, jwtAuthorities: jwt });
}

function jwtKey(keyId: string, parts: { readonly tainted?: boolean; readonly expiresAt?: number } = {}): JwtAuthority {
  return JwtAuthority.of({ keyId, spkiDer: testKeySpki, expiresAt: nowSeconds + day, ...parts });
}

// As JwtAuthority spells it.
const testKeySpki = Buffer.from(one.certificate.spkiDer);
const record = (parts: Partial<AuthorityRecord>): AuthorityRecord => ({
  kind: "x509",
  id: "own",
  serverId: "s",
  state: "active",
  keyId: "k",
  chain: [],
  anchors: [],
  publicKey: new Uint8Array(),
  upstreamId: "",
  issuedAt: 0,
  notAfter: 0,
  changedAt: 0,
  ...parts,
});

describe("upstreamEdits()", () => {
  const edits = (parts: Partial<Parameters<typeof upstreamEdits>[0]>) =>
    upstreamEdits({ bundle: own([]), records: [], before: undefined, now: above([]), nowSeconds, ...parts });

  it("takes over what is new above, tainted or not", () => {
    assert.deepEqual(edits({ bundle: own(x509(one)), now: above(x509(one, [two, "tainted"]), [jwtKey("a")]) }), [
      { kind: "add-x509", certificateDer: two.der },
      { kind: "taint-x509", subjectKeyId: two.certificate.subjectKeyId },
      { kind: "add-jwt", keyId: "a", publicKey: testKeySpki, expiresAt: nowSeconds + day },
    ]);
  });

  it("taints what is tainted above, once", () => {
    const taint = [{ kind: "taint-x509", subjectKeyId: one.certificate.subjectKeyId }];
    assert.deepEqual(edits({ bundle: own(x509(one)), now: above(x509([one, "tainted"])) }), taint);
    assert.deepEqual(edits({ bundle: own(x509([one, "tainted"])), now: above(x509([one, "tainted"])) }), []);
  });

  it("takes out what was taken out above, and after a start only what was tainted before", () => {
    const gone = [{ kind: "remove-x509", certificateDer: one.der }];
    const bundle = own(x509(one, two), [jwtKey("a")]);
    const now = above(x509(two), []);
    assert.deepEqual(edits({ bundle, now, before: above(x509(one, two), [jwtKey("a")]) }), [
      ...gone,
      { kind: "remove-jwt", keyId: "a" },
    ]);
    assert.deepEqual(edits({ bundle, now }), [], "who put it there is not known");
    assert.deepEqual(edits({ bundle: own(x509([one, "tainted"], two)), now }), gone);
  });

  it("takes nothing out where it is not known what is trusted above, as with files", () => {
    const bundle = own(x509(one, [two, "tainted"]));
    const before = above(x509(one));
    assert.deepEqual(edits({ bundle, before, now: { ...above(x509(one)), isComplete: false } }), []);
    const now = { ...above(x509(three)), isComplete: false };
    assert.deepEqual(edits({ bundle, before, now }), [{ kind: "add-x509", certificateDer: three.der }]);
  });

  it("leaves alone what is our own, whatever is said above", () => {
    const bundle = own(x509([one, "tainted"], two), [jwtKey("own")]);
    const records = [record({ anchors: [one.der] }), record({ kind: "jwt", id: "own" })];
    const before = above(x509(one, two), [jwtKey("own")]);
    assert.deepEqual(edits({ bundle, records, before, now: above(x509(two), []) }), []);
    const now = above(x509(one, two), [jwtKey("own", { tainted: true })]);
    assert.deepEqual(edits({ bundle, records, before, now }), [], "our JWT key is tainted by us");
  });

  it("does not bring back what an operator has revoked here, although it is still trusted above", () => {
    const now = above(x509(one, two));
    const upstreamId = one.certificate.subjectKeyId ?? "";
    const revoked = [record({ state: "revoked", upstreamId })];
    const add = (ca: TestCa) => ({ kind: "add-x509", certificateDer: ca.der });
    assert.deepEqual(edits({ records: revoked, now }), [add(two)]);
    assert.deepEqual(edits({ records: [record({ state: "old", upstreamId })], now }), [add(one), add(two)]);
  });

  it("does not bring back what has ended", () => {
    const old = testCa("old", world.clock, { fromMs: -3 * day * 1000, toMs: -2 * day * 1000 });
    assert.deepEqual(edits({ now: above(x509(old), [jwtKey("o", { expiresAt: nowSeconds - day })]) }), []);
  });

  it("knows nothing of JWT keys where they are not known above", () => {
    assert.deepEqual(edits({ bundle: own(x509(one), [jwtKey("a", { tainted: true })]), now: above(x509(one)) }), []);
  });
});

describe("expiredEdits()", () => {
  it("takes out what ended long enough ago and has no record", () => {
    const old = testCa("old", world.clock, { fromMs: -3 * day * 1000, toMs: -2 * day * 1000 });
    const justOver = testCa("just", world.clock, { fromMs: -2 * day * 1000, toMs: -1000 });
    const bundle = own(x509(one, old, justOver), [jwtKey("a"), jwtKey("old", { expiresAt: nowSeconds - 7_200 })]);
    assert.deepEqual(expiredEdits(bundle, [], nowSeconds), [
      { kind: "remove-x509", certificateDer: old.der },
      { kind: "remove-jwt", keyId: "old" },
    ]);
    const records = [record({ anchors: [old.der] }), record({ kind: "jwt", id: "old" })];
    assert.deepEqual(expiredEdits(bundle, records, nowSeconds), []);
  });
});

describe("UpstreamFollower", () => {
  it("writes what changed, tries again after a failure, and trusts no bundle that trusts nobody", async () => {
    const here = new AuthorityWorld(5);
    const said: UpstreamBundle[] = [above([]), above(x509(one)), above(x509(one, two))];
    const stop = new AbortController();
    const follower = new UpstreamFollower({
      ...here,
      trustDomain: testTrustDomain,
      upstream: {
        mintX509Ca: () => assert.fail("not asked"),
        followBundle: async (onBundle) => {
          const next = said.shift();
          if (next === undefined) return stop.abort();
          await onBundle(next);
          throw new Error("connection lost");
        },
      },
    });
    const running = follower.run(stop.signal);
    while (!stop.signal.aborted) {
      await settle();
      await here.clock.advance(5_000);
    }
    await running;
    const bundle = await here.store.findBundle(testTrustDomain);
    assert.deepEqual(
      bundle?.x509Authorities.map(({ certificate }) => certificate.subjectKeyId),
      [one, two].map(({ certificate }) => certificate.subjectKeyId),
    );
    assert.equal(bundle?.sequenceNumber, 2n, "the state that trusted nobody was not taken over");
  });
});

/** A CA whose key nobody here can sign or verify with (openssl ecparam -name secp521r1). */
const p521 = `-----BEGIN CERTIFICATE-----
MIICDDCCAW6gAwIBAgIUDeKHALkDB9c0coAKBs8MjrdsDLowCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEcDUyMTAgFw0yNjExMjUyMTI5MTlaGA8yMTI2MTEwMTIxMjkx
OVowDzENMAsGA1UEAwwEcDUyMTCBmzAQBgcqhkjOPQIBBgUrgQQAIwOBhgAEAXs1
omMU5UTrhD/2twMtRzgGRYesB9PN8qA4DjGWLVqfaB/9vdf19MlFJFF21X1l4WwX
JmOB8oXW7aGefl6b5vJdAOouTfe4fHCw3GEWmw6ITzUaxrtWDymJZIQoKnIbSSkn
2A0eIBKMXHeNa5jRcnAH2lTt9V7FYfFKCt44I9thS7Kro2MwYTAdBgNVHQ4EFgQU
+lax4x0v+nV6cnTXPqabn3jddQQwHwYDVR0jBBgwFoAU+lax4x0v+nV6cnTXPqab
n3jddQQwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAgQwCgYIKoZIzj0E
AwIDgYsAMIGHAkFXnR7j01w6uxSpJaIVvJn4oj8V0AeYaX3QL2/zRy+gzGQKiCFI
0FhXv69o1k7yQW4gY/WYzWhB9lm9CkSLZCSO0AJCAQNipZ8alvEYPzg67y8TQRNL
l3pEHEiQHvqyadVN58yVUwjtr6fFh5/K6xuNKpyIY8Ro4t1/9caJAvNWTyhsN630
-----END CERTIFICATE-----
`;

describe("diskUpstream()", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "cs-up-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const put = async (name: string, ...ders: readonly Uint8Array[]): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, ders.map((der) => encodePem("CERTIFICATE", der)).join(""));
    return path;
  };
  const putText = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const putKey = async (ca: TestCa): Promise<string> => {
    const path = join(folder, "key.pem");
    await writeFile(path, encodePem("PRIVATE KEY", encodePkcs8(ca.key)));
    return path;
  };

  it("signs with a self-signed CA; the chain verifies and names what is above", async () => {
    const here = new AuthorityWorld();
    const files = { certificatePath: await put("ca.pem", one.der), keyPath: await putKey(one), bundlePath: undefined };
    here.upstream = diskUpstream(files, here.clock, here.random);
    const authorities = await here.start();
    const issuer = authorities.x509Issuer();
    assert.equal(issuer.certificate.isSignedBy(one.certificate), true);
    assert.deepEqual(issuer.chain, [issuer.certificate.der]);
    assert.equal(authorities.records().find(({ kind }) => kind === "x509")?.upstreamId, one.certificate.subjectKeyId);
    assert.deepEqual(
      authorities.bundle.x509Authorities.map(({ certificate }) => certificate.der),
      [one.der],
    );
  });

  it("signs with an intermediate under the anchors of a bundle, and never beyond its end", async () => {
    const here = new AuthorityWorld();
    const middle = testCa("middle", here.clock, { issuer: one, toMs: 3_600_000 });
    const files = {
      certificatePath: await put("ca.pem", middle.der),
      keyPath: await putKey(middle),
      bundlePath: await put("roots.pem", one.der, two.der),
    };
    here.upstream = diskUpstream(files, here.clock, here.random);
    const authorities = await here.start();
    assert.deepEqual(authorities.x509Issuer().chain.slice(1), [middle.der]);
    assert.equal(authorities.x509Issuer().notAfter, here.nowSeconds + 3_600);
    assert.equal(authorities.records().find(({ kind }) => kind === "x509")?.upstreamId, one.certificate.subjectKeyId);
  });

  it("refuses, naming the file, what cannot be used", async () => {
    const middle = testCa("middle", world.clock, { issuer: one });
    const closed = testCa("closed", world.clock, { pathLength: 0 });
    const missing = join(folder, "missing.pem");
    const keyPath = await putKey(one);
    const upstreamOf = (certificatePath: string, bundlePath?: string, key = keyPath) =>
      diskUpstream({ certificatePath, keyPath: key, bundlePath }, world.clock, world.random);
    const refused: Readonly<Record<string, ReturnType<typeof upstreamOf>>> = {
      "no such file": upstreamOf(missing),
      "no certificate": upstreamOf(await put("empty.pem")),
      "another key": upstreamOf(await put("two.pem", two.der)),
      "no root without a bundle": upstreamOf(await put("m.pem", middle.der), undefined, await putKey(middle)),
      "no file, and no end": upstreamOf("/dev/zero"),
      "an empty bundle": upstreamOf(await put("m2.pem", middle.der), await put("none.pem"), await putKey(middle)),
    };
    for (const [what, upstream] of Object.entries(refused)) {
      const here = new AuthorityWorld();
      here.upstream = upstream;
      await assert.rejects(here.start(), { code: "ERR_UPSTREAM_FILES" }, what);
    }
    const below = testCa("below", world.clock, { issuer: middle });
    for (const [message, certificatePath, bundlePath, key] of [
      [/p521\.pem .*P-256, P-384 or RSA/, await putText("p521.pem", p521), undefined, keyPath],
      [
        /m3\.pem .*does not lead to .*other\.pem/,
        await put("m3.pem", middle.der),
        await put("other.pem", two.der),
        middle,
      ],
      [/b\.pem .*does not lead to .*one\.pem/, await put("b.pem", below.der), await put("one.pem", one.der), below],
    ] as const) {
      const here = new AuthorityWorld();
      here.upstream = upstreamOf(certificatePath, bundlePath, typeof key === "string" ? key : await putKey(key));
      await assert.rejects(here.start(), { code: "ERR_UPSTREAM_FILES", message });
    }
    const between = new AuthorityWorld();
    const whole = await put("whole.pem", below.der, middle.der);
    between.upstream = upstreamOf(whole, await put("one.pem", one.der), await putKey(below));
    await between.start();
    const here = new AuthorityWorld();
    here.upstream = upstreamOf(await put("closed.pem", closed.der), undefined, await putKey(closed));
    await assert.rejects(here.start(), { code: "ERR_UPSTREAM_FILES", message: /path length/ });
  });

  it("tells new anchors when the files change", async () => {
    const here = new AuthorityWorld();
    const bundlePath = await put("roots.pem", one.der);
    const files = { certificatePath: await put("ca.pem", one.der), keyPath: await putKey(one), bundlePath };
    const heard: number[] = [];
    const stop = new AbortController();
    const upstream = diskUpstream(files, here.clock, here.random);
    const following = upstream.followBundle?.(async ({ x509 }) => void heard.push(x509.length), stop.signal);
    const until = async (count: number): Promise<void> => {
      // Files are read by other threads: virtual time moves on until they answered.
      for (let turn = 0; heard.length < count && turn < 500; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        await here.clock.advance(5_000);
      }
    };
    await until(1);
    await put("roots.pem", one.der, three.der);
    await until(2);
    stop.abort();
    await following;
    assert.deepEqual(heard, [1, 2]);
  });
});
