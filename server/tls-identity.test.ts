import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Certificate } from "../certs/index.ts";
import { AuthorityWorld, hour } from "../test/fakes/authority-world.ts";
import type { Issuance } from "./issuance/ports.ts";
import { RotatingTlsIdentity, type TlsIdentity } from "./tls-identity.ts";

async function start(options: { readonly ttl?: number } = {}) {
  const world = new AuthorityWorld();
  const { clock, random, logger } = world;
  const authorities = await world.start();
  const inner = world.issuance(authorities, { defaultX509SvidTtl: options.ttl ?? hour });
  const state = { isDown: false };
  const issuance: Pick<Issuance, "issueServerSvid"> = {
    issueServerSvid: () => (state.isDown ? Promise.reject(new Error("down")) : inner.issueServerSvid()),
  };
  const changes: TlsIdentity[] = [];
  const identity = await RotatingTlsIdentity.start({ issuance, clock, random, logger }, (next) => changes.push(next));
  const stop = new AbortController();
  const running = identity.run(stop.signal);
  return { world, clock, identity, changes, state, stop, running, authorities };
}

describe("RotatingTlsIdentity", () => {
  it("has an identity when it has started", async () => {
    const { identity, world, changes, stop, running } = await start();
    assert.equal(identity.current.notAfter, world.nowSeconds + hour);
    assert.equal(identity.current.key.type, "private");
    assert.deepEqual(changes, []);
    stop.abort();
    await running;
  });

  it("renews at half of the life, with another key", async () => {
    const { identity, clock, changes, stop, running } = await start();
    const first = identity.current;
    await clock.advance(hour * 500 - 1);
    assert.equal(identity.current, first);
    await clock.advance(1);
    assert.deepEqual(changes, [identity.current]);
    assert.equal(identity.current.key.equals(first.key), false);
    await clock.advance(hour * 500);
    assert.equal(changes.length, 2);
    stop.abort();
    await running;
    assert.equal(clock.pendingTimers, 0);
  });

  it("keeps the current one while it cannot renew, and tries again", async () => {
    const { identity, clock, changes, state, stop, running } = await start();
    const first = identity.current;
    state.isDown = true;
    await clock.advance(hour * 700);
    assert.equal(identity.current, first);
    state.isDown = false;
    await clock.advance(61_000);
    assert.equal(changes.length, 1);
    stop.abort();
    await running;
  });

  it("renews at once when its authority is tainted, and not because another's is", async () => {
    const { identity, clock, changes, stop, running, authorities } = await start();
    const { operations } = authorities;
    const first = authorities.x509Issuer().authorityId;
    await operations.activate("x509", (await operations.prepare("x509")).id);
    identity.reconsider(authorities.bundle);
    await clock.advance(0);
    assert.deepEqual(changes, []);
    await operations.taint("x509", first);
    identity.reconsider(authorities.bundle);
    await clock.advance(0);
    assert.equal(changes.length, 1);
    const [leaf] = identity.current.chain;
    assert.equal(Certificate.parse(leaf ?? new Uint8Array()).authorityKeyId, authorities.x509Issuer().authorityId);
    identity.reconsider(authorities.bundle);
    await clock.advance(1_000);
    assert.equal(changes.length, 1);
    stop.abort();
    await running;
  });

  it("does not renew in a frenzy when lives are very short", async () => {
    const { clock, changes, stop, running } = await start({ ttl: 1 });
    await clock.advance(10_000);
    assert.ok(changes.length >= 10 && changes.length <= 20, `${changes.length} renewals in 10 s`);
    stop.abort();
    await running;
  });

  it("does not start without an identity", async () => {
    const { clock, random, logger } = new AuthorityWorld();
    const issuance = { issueServerSvid: () => Promise.reject(new Error("down")) };
    await assert.rejects(RotatingTlsIdentity.start({ issuance, clock, random, logger }), /down/);
  });
});
