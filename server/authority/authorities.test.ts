import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assembleCertificate, Certificate, caTbs, encodeSpki, randomSerial } from "../../certs/index.ts";
import { type LogFields, type Logger, silentLogger } from "../../runtime/core/index.ts";
import { TrustDomain, verifyX509Svid } from "../../spiffe/index.ts";
import { FakeAuthorityStore } from "../../test/fakes/authority-store.ts";
import { AuthorityWorld, day, hour, testTrustDomain } from "../../test/fakes/authority-world.ts";
import { RemoteKeyManager } from "../../test/fakes/remote-key-manager.ts";
import { MemoryKeyManager } from "../keymanager/memory/memory-key-manager.ts";
import type { Authorities } from "./authorities.ts";

function states(authorities: Authorities, kind: "x509" | "jwt" = "x509"): readonly string[] {
  return authorities
    .records()
    .filter((record) => record.kind === kind)
    .map(({ state }) => state);
}

describe("Authorities", () => {
  it("makes a CA and a JWT key at the first start, both in the bundle", async () => {
    const world = new AuthorityWorld();
    const authorities = await world.start();
    const issuer = authorities.x509Issuer();
    const { bundle } = authorities;
    assert.deepEqual(
      bundle.x509Authorities.map(({ certificate }) => certificate.subjectKeyId),
      [issuer.authorityId],
    );
    assert.deepEqual(
      bundle.jwtAuthorities.map(({ keyId }) => keyId),
      [authorities.jwtIssuer().authorityId],
    );
    assert.equal(issuer.notAfter, world.nowSeconds + day);
    assert.deepEqual(issuer.chain, []);
    assert.equal(issuer.localKey?.type, "private");
    assert.deepEqual(
      authorities.health().map(({ kind, ready, failure }) => [kind, ready, failure]),
      [
        ["x509", true, undefined],
        ["jwt", true, undefined],
      ],
    );
  });

  it("makes a CA certificate of SPIFFE's profile with a name of its own", async () => {
    const world = new AuthorityWorld();
    const { certificate } = (await world.start()).x509Issuer();
    assert.equal(certificate.isCa, true);
    assert.deepEqual([...(certificate.keyUsage ?? [])].sort(), ["cRLSign", "keyCertSign"]);
    assert.deepEqual(certificate.uriSans, ["spiffe://example.org"]);
    assert.equal(certificate.isSignedBy(certificate), true);
    assert.equal(certificate.notBefore, (world.nowSeconds - 10) * 1000);
    assert.ok(BigInt(certificate.serialNumber) >= 2n ** 126n);
    assert.ok(certificate.subjectText().includes(certificate.serialNumber));
    const other = (await new AuthorityWorld(2).start()).x509Issuer().certificate;
    assert.notEqual(certificate.subjectText(), other.subjectText());
  });

  it("wakes in whole seconds, not before anything is due", async () => {
    const world = new AuthorityWorld();
    world.options = { ...world.options, caTtl: 91 };
    const authorities = await world.start();
    await world.clock.advance(45_700);
    const next = await authorities.tick();
    assert.ok(next > world.clock.now(), `${next} is not after ${world.clock.now()}`);
  });

  it("goes on with the same authorities after a restart", async () => {
    const world = new AuthorityWorld();
    const before = await world.start();
    const after = await world.start();
    assert.equal(after.x509Issuer().authorityId, before.x509Issuer().authorityId);
    assert.equal(after.jwtIssuer().authorityId, before.jwtIssuer().authorityId);
    assert.equal(after.bundle.equals(before.bundle), true);
  });

  it("prepares at half-life, activates at five sixths, prunes a day after the end", async () => {
    const world = new AuthorityWorld();
    const authorities = await world.start();
    const first = authorities.x509Issuer().authorityId;
    const step = async (hours: number): Promise<readonly string[]> => {
      await world.clock.advance(hours * hour * 1000);
      await authorities.tick();
      return states(authorities);
    };
    assert.deepEqual(await step(11.9), ["active"]);
    assert.deepEqual(await step(0.1), ["active", "prepared"]);
    assert.equal(authorities.x509Issuer().authorityId, first);
    assert.equal(authorities.bundle.x509Authorities.length, 2, "published before it signs");
    assert.deepEqual(await step(7.9), ["active", "prepared"]);
    assert.deepEqual([...(await step(0.1))].sort(), ["active", "old"]);
    assert.notEqual(authorities.x509Issuer().authorityId, first);
    assert.equal(authorities.bundle.x509Authorities.length, 2, "what the old one signed is still verifiable");
    assert.equal(states(authorities, "jwt").length, 2);
    await step(27.9);
    assert.ok(authorities.records().some(({ id }) => id === first));
    await step(0.1);
    assert.equal(
      authorities.records().some(({ id }) => id === first),
      false,
    );
    assert.equal(
      authorities.bundle.x509Authorities.some(({ certificate }) => certificate.subjectKeyId === first),
      false,
    );
  });

  it("deletes the key of a retired authority after a minute", async () => {
    const world = new AuthorityWorld();
    const authorities = await world.start();
    const [old] = await world.keyManager.listKeyIds();
    await world.clock.advance(12 * hour * 1000);
    await authorities.tick();
    await world.clock.advance(8 * hour * 1000);
    await authorities.tick();
    assert.equal((await world.keyManager.listKeyIds()).length, 4);
    await world.clock.advance(60_000);
    await authorities.tick();
    const left = await world.keyManager.listKeyIds();
    assert.equal(left.length, 2);
    assert.equal(left.includes(old ?? ""), false);
  });

  it("replaces at start a CA that expired while the server was stopped", async () => {
    const world = new AuthorityWorld();
    const before = await world.start();
    await world.clock.advance(1.5 * day * 1000);
    assert.deepEqual(
      before.health().map(({ ready }) => ready),
      [false, false],
    );
    const after = await world.start();
    assert.notEqual(after.x509Issuer().authorityId, before.x509Issuer().authorityId);
    assert.equal(after.x509Issuer().notAfter, world.nowSeconds + day);
    assert.deepEqual([...states(after)].sort(), ["active", "old"]);
  });

  it("makes new authorities when the keys are lost, and keeps the old ones verifiable", async () => {
    const world = new AuthorityWorld();
    const before = await world.start();
    const audited: LogFields[] = [];
    const audit: Logger = { ...silentLogger, warn: (fields) => void audited.push(fields) };
    world.logger = { ...silentLogger, child: (fields) => (fields["type"] === "audit" ? audit : silentLogger) };
    await world.start();
    assert.deepEqual(audited, [], "nothing is said while the keys are there");
    world.keyManager = new MemoryKeyManager();
    const after = await world.start();
    const told = audited.map((fields) => [fields["error_code"], fields["authority_id"]]);
    assert.deepEqual(told, [
      ["ERR_AUTHORITY_KEY_LOST", before.x509Issuer().authorityId],
      ["ERR_AUTHORITY_KEY_LOST", before.jwtIssuer().authorityId],
    ]);
    assert.notEqual(after.x509Issuer().authorityId, before.x509Issuer().authorityId);
    assert.deepEqual([...states(after)].sort(), ["active", "old"]);
    assert.equal(after.bundle.x509Authorities.length, 2);
    assert.equal(after.bundle.jwtAuthorities.length, 2);
  });

  it("does not sign with a key that is not the one of the record", async () => {
    const world = new AuthorityWorld();
    const before = await world.start();
    for (const keyId of await world.keyManager.listKeyIds()) await world.keyManager.generateKey(keyId, "ec-p256");
    const after = await world.start();
    assert.notEqual(after.x509Issuer().authorityId, before.x509Issuer().authorityId);
    assert.deepEqual(encodeSpki(after.x509Issuer().signer.publicKey), after.x509Issuer().certificate.spkiDer);
  });

  it("deletes keys that no record names, and leaves another server's alone", async () => {
    const world = new AuthorityWorld();
    await world.keyManager.generateKey("server-1.x509.orphan", "ec-p256");
    await world.keyManager.generateKey("server-2.x509.theirs", "ec-p256");
    await world.start();
    const keys = await world.keyManager.listKeyIds();
    assert.equal(keys.includes("server-1.x509.orphan"), false);
    assert.equal(keys.includes("server-2.x509.theirs"), true);
  });

  it("has authorities of its own when another server uses the same store", async () => {
    const world = new AuthorityWorld();
    const first = await world.start();
    world.options = { ...world.options, serverId: "server-2" };
    const second = await world.start();
    assert.notEqual(first.x509Issuer().authorityId, second.x509Issuer().authorityId);
    assert.equal(second.bundle.x509Authorities.length, 2);
    await world.clock.advance(60_000);
    await first.tick();
    assert.equal((await world.keyManager.listKeyIds()).length, 4);
  });

  it("refuses to start with a damaged key, whatever that costs", async () => {
    const world = new AuthorityWorld();
    await world.start();
    const damaged = Object.assign(new Error("damaged"), { code: "ERR_KEY_CORRUPT" });
    const inner = world.keyManager;
    world.keyManager = {
      generateKey: (keyId, type) => inner.generateKey(keyId, type),
      publicKey: () => Promise.reject(damaged),
      listKeyIds: () => inner.listKeyIds(),
      deleteKey: (keyId) => inner.deleteKey(keyId),
      signer: (keyId) => inner.signer(keyId),
      localKey: (keyId) => inner.localKey(keyId),
    };
    await assert.rejects(world.start(), { code: "ERR_KEY_CORRUPT" });
    assert.equal((await inner.listKeyIds()).length, 2, "nothing was made or deleted");
  });

  it("goes on signing while the store is away, says so, and catches up", async () => {
    const world = new AuthorityWorld();
    const store = new FakeAuthorityStore(testTrustDomain);
    world.store = store;
    const authorities = await world.start();
    const { authorityId } = authorities.x509Issuer();
    store.failure = Object.assign(new Error("no store"), { code: "ERR_STORE_UNAVAILABLE" });
    await world.clock.advance(12 * hour * 1000);
    const next = await authorities.tick();
    assert.ok(next > world.clock.now() && next <= world.clock.now() + 1000, "tries again soon");
    assert.equal(authorities.x509Issuer().authorityId, authorityId);
    assert.deepEqual(
      authorities.health().map(({ ready, failure }) => [ready, failure?.code]),
      [
        [true, "ERR_STORE_UNAVAILABLE"],
        [true, "ERR_STORE_UNAVAILABLE"],
      ],
    );
    store.failure = undefined;
    await authorities.tick();
    assert.deepEqual(states(authorities), ["active", "prepared"]);
    assert.equal(authorities.health()[0]?.failure, undefined);
  });

  it("reads the store again when it is not known whether a commit arrived", async () => {
    const world = new AuthorityWorld();
    const { store } = world;
    let lost = 0;
    world.store = {
      listAuthorities: () => store.listAuthorities(),
      findBundle: (trustDomain) => store.findBundle(trustDomain),
      commitAuthorities: async (commit) => {
        const bundle = await store.commitAuthorities(commit);
        if (lost === 0) return bundle;
        lost -= 1;
        throw Object.assign(new Error("no answer"), { code: "ERR_STORE_UNAVAILABLE" });
      },
    };
    const authorities = await world.start();
    await world.clock.advance(12 * hour * 1000);
    for (let tries = 0; tries < 4; tries += 1) {
      lost = 1;
      await authorities.tick();
    }
    lost = 0;
    await authorities.tick();
    assert.deepEqual(states(authorities), ["active", "prepared"]);
    assert.equal(authorities.bundle.x509Authorities.length, 2, "one certificate an authority");
    assert.equal(authorities.bundle.jwtAuthorities.length, 2);
    assert.deepEqual(
      authorities
        .records()
        .map(({ id }) => id)
        .sort(),
      (await store.listAuthorities()).map(({ id }) => id).sort(),
    );
  });

  it("rotates JWT keys while the upstream authority fails", async () => {
    const world = new AuthorityWorld();
    const { upstream } = world;
    let isDown = false;
    world.upstream = {
      mintX509Ca: (request) => (isDown ? Promise.reject(new Error("down")) : upstream.mintX509Ca(request)),
    };
    const authorities = await world.start();
    isDown = true;
    await world.clock.advance(12 * hour * 1000);
    await authorities.tick();
    assert.deepEqual(states(authorities, "jwt"), ["active", "prepared"]);
    assert.deepEqual(states(authorities), ["active", "preparing"]);
    const keys = await world.keyManager.listKeyIds();
    await authorities.tick();
    assert.deepEqual(await world.keyManager.listKeyIds(), keys, "the next attempt uses the key of the last one");
    isDown = false;
    await authorities.tick();
    assert.deepEqual(states(authorities), ["active", "prepared"]);
  });

  it("tells when something changed, and only then", async () => {
    const world = new AuthorityWorld();
    const authorities = await world.start();
    let calls = 0;
    const stop = authorities.onChanged(() => {
      calls += 1;
    });
    await authorities.tick();
    assert.equal(calls, 0);
    await world.clock.advance(12 * hour * 1000);
    await authorities.tick();
    assert.equal(calls, 1);
    stop();
    await world.clock.advance(8 * hour * 1000);
    await authorities.tick();
    assert.equal(calls, 1);
  });

  it("makes no JWT key when JWT-SVIDs are off", async () => {
    const world = new AuthorityWorld();
    world.options = { ...world.options, jwtKeyType: undefined };
    const authorities = await world.start();
    assert.throws(() => authorities.jwtIssuer(), { code: "ERR_JWT_DISABLED" });
    assert.deepEqual(authorities.bundle.jwtAuthorities, []);
  });

  it("works with keys that stay in a remote key manager", async () => {
    const world = new AuthorityWorld();
    world.keyManager = new RemoteKeyManager();
    const issuer = (await world.start()).x509Issuer();
    assert.equal(issuer.localKey, undefined);
    assert.equal(issuer.certificate.isSignedBy(issuer.certificate), true);
  });

  it("puts what an upstream returns into the served chain and only the anchor into the bundle", async () => {
    const root = await new AuthorityWorld(7).start();
    const world = new AuthorityWorld();
    world.upstream = upstreamOf(root, world);
    const authorities = await world.start();
    const issuer = authorities.x509Issuer();
    assert.equal(issuer.chain.length, 1);
    assert.deepEqual(
      authorities.bundle.x509Authorities.map(({ certificate }) => certificate.subjectKeyId),
      [root.x509Issuer().authorityId],
    );
    const server = await world.issuance(authorities).issueServerSvid();
    const { path } = verifyX509Svid({
      chain: server.chain,
      bundles: { get: () => authorities.bundle },
      atMs: world.clock.now(),
      usage: "any",
    });
    assert.equal(path.length, 3);
  });

  const wrong: readonly [string, (own: Uint8Array, world: AuthorityWorld) => Promise<readonly Uint8Array[]>][] = [
    ["nothing", async () => []],
    ["bytes that are no certificate", async () => [Buffer.from("no")]],
    ["a CA for another key", async () => [(await new AuthorityWorld(9).start()).x509Issuer().certificate.der]],
  ];
  for (const [name, chainOf] of wrong) {
    it(`refuses an upstream that returns ${name}`, async () => {
      const world = new AuthorityWorld();
      const { upstream } = world;
      world.upstream = {
        mintX509Ca: async (request) => {
          const minted = await upstream.mintX509Ca(request);
          return { ...minted, chain: await chainOf(minted.chain[0] ?? new Uint8Array(), world) };
        },
      };
      await assert.rejects(world.start(), { code: "ERR_AUTHORITY_MINT_REJECTED" });
      assert.deepEqual((await world.store.findBundle(testTrustDomain))?.x509Authorities, [], "nothing was published");
    });
  }

  it("refuses an upstream whose anchors do not lead to the CA, or a CA of another trust domain", async () => {
    const world = new AuthorityWorld();
    const { upstream } = world;
    const foreign = (await new AuthorityWorld(9).start()).x509Issuer().certificate.der;
    world.upstream = {
      mintX509Ca: async (request) => ({ ...(await upstream.mintX509Ca(request)), anchors: [foreign] }),
    };
    await assert.rejects(world.start(), { code: "ERR_AUTHORITY_MINT_REJECTED" });
    world.upstream = {
      mintX509Ca: (request) => upstream.mintX509Ca({ ...request, trustDomain: TrustDomain.parse("other.org") }),
    };
    await assert.rejects(world.start(), { code: "ERR_AUTHORITY_MINT_REJECTED" });
  });
});

/** A CA of another server as upstream: signs ours as an intermediate. */
function upstreamOf(root: Authorities, world: AuthorityWorld): AuthorityWorld["upstream"] {
  const { info, certificate, signer } = root.x509Issuer();
  return {
    mintX509Ca: async (request) => {
      const tbs = caTbs({
        issuer: info,
        serial: randomSerial(world.random.bytes(16)),
        notBeforeMs: world.clock.now() - 10_000,
        notAfterMs: world.clock.now() + request.ttl * 1000 - 60_000,
        spkiDer: encodeSpki(request.signer.publicKey),
        uri: request.trustDomain.idString,
        subject: request.subject,
        signatureAlgorithm: signer.algorithm,
      });
      const own = assembleCertificate(tbs, signer.algorithm, await signer.sign(tbs));
      assert.equal(Certificate.parse(own).isSignedBy(certificate), true);
      return { chain: [own], anchors: [certificate.der], upstreamId: root.x509Issuer().authorityId };
    },
  };
}
