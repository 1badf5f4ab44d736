import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildCsr, Certificate } from "../../certs/index.ts";
import { SpiffeId, verifyX509Svid } from "../../spiffe/index.ts";
import { AuthorityWorld, hour, testTrustDomain } from "../../test/fakes/authority-world.ts";
import { FakeUpstream } from "../../test/fakes/fake-upstream.ts";
import { generateKeyAtOnce } from "../../test/fakes/keys-at-once.ts";
import type { AuthorityKind } from "../domain/authority.ts";
import type { Authorities } from "./authorities.ts";

const kinds: readonly AuthorityKind[] = ["x509", "jwt"];

function bundleIds(authorities: Authorities, kind: AuthorityKind): readonly string[] {
  const { x509Authorities, jwtAuthorities } = authorities.bundle;
  return kind === "x509"
    ? x509Authorities.map(({ certificate }) => certificate.subjectKeyId ?? "")
    : jwtAuthorities.map(({ keyId }) => keyId);
}

function taintedIds(authorities: Authorities, kind: AuthorityKind): readonly string[] {
  const { x509Authorities, jwtAuthorities } = authorities.bundle;
  return kind === "x509"
    ? x509Authorities.filter(({ tainted }) => tainted).map(({ certificate }) => certificate.subjectKeyId ?? "")
    : jwtAuthorities.filter(({ tainted }) => tainted).map(({ keyId }) => keyId);
}

const idOf = (authorities: Authorities, kind: AuthorityKind): string =>
  kind === "x509" ? authorities.x509Issuer().authorityId : authorities.jwtIssuer().authorityId;

async function rotated(world: AuthorityWorld, kind: AuthorityKind) {
  const authorities = await world.start();
  const { operations } = authorities;
  const first = idOf(authorities, kind);
  const prepared = await operations.prepare(kind);
  await operations.activate(kind, prepared.id);
  return { authorities, operations, first, second: prepared.id };
}

describe("an operator's authorities", () => {
  for (const kind of kinds) {
    it(`${kind}: prepare, activate, taint, revoke; the bundle follows`, async () => {
      const world = new AuthorityWorld();
      const authorities = await world.start();
      const { operations } = authorities;
      const first = idOf(authorities, kind);
      const prepared = await operations.prepare(kind);
      assert.deepEqual([...bundleIds(authorities, kind)].sort(), [first, prepared.id].sort());
      assert.equal(idOf(authorities, kind), first, "the prepared one does not sign");
      assert.equal(operations.states(kind).prepared?.id, prepared.id);

      await operations.activate(kind, prepared.id);
      assert.equal(idOf(authorities, kind), prepared.id);
      const { active, old, prepared: none } = operations.states(kind);
      assert.deepEqual([active.id, old?.id, none], [prepared.id, first, undefined]);

      assert.equal((await operations.taint(kind, first)).state, "tainted");
      assert.deepEqual(taintedIds(authorities, kind), [first]);
      assert.equal((await operations.revocable(kind, first)).state, "tainted");
      assert.equal((await operations.revoke(kind, first)).state, "revoked");
      assert.deepEqual(bundleIds(authorities, kind), [prepared.id]);

      const restarted = await world.start();
      assert.equal(idOf(restarted, kind), prepared.id);
      assert.deepEqual(bundleIds(restarted, kind), [prepared.id]);
      assert.equal(restarted.operations.states(kind).old?.state, "revoked");
    });

    it(`${kind}: refuses what is out of order, and changes nothing`, async () => {
      const world = new AuthorityWorld();
      const { authorities, operations, first, second } = await rotated(world, kind);
      const prepared = (await operations.prepare(kind)).id;
      const before = authorities.bundle;
      const badId = { code: "ERR_AUTHORITY_ID", status: "invalidArgument" };
      const badState = { code: "ERR_AUTHORITY_TRANSITION", status: "failedPrecondition" };
      for (const id of ["", "unknown"]) {
        await assert.rejects(operations.activate(kind, id), badId);
        await assert.rejects(operations.taint(kind, id), badId);
        await assert.rejects(operations.revoke(kind, id), badId);
      }
      for (const id of [first, second]) await assert.rejects(operations.activate(kind, id), badState);
      for (const id of [second, prepared]) {
        await assert.rejects(operations.taint(kind, id), badId);
        await assert.rejects(operations.revoke(kind, id), badId);
        await assert.rejects(operations.revocable(kind, id), badId);
      }
      await assert.rejects(operations.revoke(kind, first), badState);
      assert.equal(authorities.bundle.equals(before), true);
      await operations.taint(kind, first);
      await assert.rejects(operations.taint(kind, first), badState);
      await operations.revoke(kind, first);
      await assert.rejects(operations.revoke(kind, first), badState);
    });

    it(`${kind}: a second preparation takes the place of the first, which never signed`, async () => {
      const world = new AuthorityWorld();
      const authorities = await world.start();
      const first = await authorities.operations.prepare(kind);
      const second = await authorities.operations.prepare(kind);
      assert.notEqual(second.id, first.id);
      assert.deepEqual([...bundleIds(authorities, kind)].sort(), [idOf(authorities, kind), second.id].sort());
      await assert.rejects(authorities.operations.activate(kind, first.id), { code: "ERR_AUTHORITY_ID" });
      const keys = await world.keyManager.listKeyIds();
      await authorities.tick();
      assert.equal((await world.keyManager.listKeyIds()).length, keys.length - 1, "its key is gone");
    });
  }

  it("goes on rotating by schedule: what was prepared by hand is activated when its time comes", async () => {
    const world = new AuthorityWorld();
    const authorities = await world.start();
    await world.clock.advance(2 * hour * 1000);
    const { id } = await authorities.operations.prepare("x509");
    await world.clock.advance(17 * hour * 1000);
    await authorities.tick();
    assert.notEqual(authorities.x509Issuer().authorityId, id);
    await world.clock.advance(hour * 1000);
    await authorities.tick();
    assert.equal(authorities.x509Issuer().authorityId, id);
  });

  it("wakes the rotation, so that a retired key does not outlive its minute", async () => {
    const world = new AuthorityWorld();
    const { authorities } = await rotated(world, "x509");
    const over = new AbortController();
    const running = authorities.run(over.signal);
    const prepared = await authorities.operations.prepare("x509");
    await authorities.operations.activate("x509", prepared.id);
    await world.clock.advance(61_000);
    const keys = (await world.keyManager.listKeyIds()).filter((id) => id.includes("x509"));
    assert.equal(keys.length, 1);
    over.abort();
    await running;
  });

  it("says that JWT keys are switched off", async () => {
    const world = new AuthorityWorld();
    world.options = { ...world.options, jwtKeyType: undefined };
    const { operations } = await world.start();
    const off = { code: "ERR_JWT_DISABLED", status: "unimplemented" };
    assert.throws(() => operations.states("jwt"), off);
    await assert.rejects(operations.prepare("jwt"), off);
    await assert.rejects(operations.activate("jwt", "x"), off);
    await assert.rejects(operations.taint("jwt", "x"), off);
    await assert.rejects(operations.revoke("jwt", "x"), off);
  });

  it("has nothing above when self-signed", async () => {
    const { operations } = await new AuthorityWorld().start();
    const none = { code: "ERR_UPSTREAM_AUTHORITY", status: "failedPrecondition" };
    await assert.rejects(operations.taintUpstream("aa"), none);
    await assert.rejects(operations.revokeUpstream("aa"), none);
    await assert.rejects(operations.revocableUpstream("aa"), none);
  });
});

describe("an operator's authorities below an upstream", () => {
  function nested(): { world: AuthorityWorld; upstream: FakeUpstream } {
    const world = new AuthorityWorld();
    const upstream = new FakeUpstream(testTrustDomain, world.clock, world.random);
    world.upstream = upstream;
    return { world, upstream };
  }

  it("taints and revokes the root once nothing active rests on it", async () => {
    const { world, upstream } = nested();
    const { authorities, operations, first } = await rotated(world, "x509");
    const oldRoot = upstream.rootId;
    const above = { code: "ERR_UPSTREAM_AUTHORITY" };
    await assert.rejects(operations.taint("x509", first), above);
    await assert.rejects(operations.revoke("x509", first), above);
    await assert.rejects(operations.taintUpstream(oldRoot), { code: "ERR_AUTHORITY_ID" });
    upstream.exchangeRoot();
    const prepared = await operations.prepare("x509");
    assert.equal(prepared.upstreamId, upstream.rootId);
    await operations.activate("x509", prepared.id);
    await assert.rejects(operations.revokeUpstream(oldRoot), { code: "ERR_AUTHORITY_TRANSITION" });
    await assert.rejects(operations.taintUpstream("00"), { code: "ERR_AUTHORITY_ID" });
    await assert.rejects(operations.taintUpstream(""), { code: "ERR_AUTHORITY_ID" });

    assert.equal(await operations.taintUpstream(oldRoot.toUpperCase()), oldRoot);
    assert.deepEqual(taintedIds(authorities, "x509"), [oldRoot]);
    assert.equal((await operations.revocableUpstream(oldRoot)).length, 2);
    assert.equal(await operations.revokeUpstream(oldRoot), oldRoot);
    assert.deepEqual(bundleIds(authorities, "x509"), [upstream.rootId]);
  });

  it("replaces an active CA at once when what is above it is tainted in the bundle, and never goes back there", async () => {
    const { world, upstream } = nested();
    const authorities = await world.start();
    const id = SpiffeId.of(testTrustDomain, "/w");
    const csrDer = buildCsr({ key: await generateKeyAtOnce("ec-p256") });
    const oldRoot = upstream.rootId;
    const active = authorities.x509Issuer().authorityId;
    const taint = { put: [], remove: [], bundleEdits: [{ kind: "taint-x509", subjectKeyId: oldRoot } as const] };
    await world.store.commitAuthorities(taint);

    const same = await world.start();
    assert.equal(same.x509Issuer().authorityId, active, "signs on while there is no other");
    assert.equal(same.health()[0]?.failure?.code, "ERR_AUTHORITY_MINT_REJECTED");
    upstream.exchangeRoot();
    await world.clock.advance(hour * 1000);
    await same.tick();
    assert.notEqual(same.x509Issuer().authorityId, active);
    assert.equal(same.records().find((record) => record.id === active)?.state, "tainted");
    const [svid] = await world
      .issuance(same)
      .issueX509Svids([{ id, csrDer, dnsNames: [], ttl: 0, notAfterCap: 0, hint: "", profile: "workload" }]);
    assert.ok(svid?.kind === "issued");
    const { path } = verifyX509Svid({
      chain: svid.svid.chain,
      bundles: { get: () => same.bundle },
      atMs: world.clock.now(),
      usage: "server",
    });
    assert.equal(path.at(-1)?.subjectKeyId, upstream.rootId);
    assert.ok(Certificate.parse(svid.svid.chain[1] ?? new Uint8Array()).isCa);
  });
});
