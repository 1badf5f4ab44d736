import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { serverLimits } from "../limits.ts";
import { addressKey, RateLimiter } from "./rate-limiter.ts";

const rates = { attest: 20, x509: 500, jwt: 500, postStatus: 10, publishJwt: 500, sync: 20, entries: 10 };
const call = new AbortController();

describe("RateLimiter", () => {
  it("lets a burst through, makes what follows wait in order, and refuses what would wait too long", async () => {
    const clock = new FakeClock();
    const limiter = new RateLimiter(rates, clock);
    for (let index = 0; index < 20; index += 1) await limiter.take("attest", "192.0.2.1", 1, call);
    const order: number[] = [];
    const waiting = [1, 2, 3].map((n) => limiter.take("attest", "192.0.2.1", 1, call).then(() => order.push(n)));
    assert.equal(limiter.waiting, 3);
    await clock.advance(60);
    assert.deepEqual(order, [1]);
    await clock.advance(100);
    await Promise.all(waiting);
    assert.deepEqual(order, [1, 2, 3]);
    for (let index = 0; index < 40; index += 1) void limiter.take("attest", "192.0.2.1", 1, call);
    await assert.rejects(limiter.take("attest", "192.0.2.1", 1, call), {
      code: "ERR_RATE_LIMITED",
      status: "resourceExhausted",
      details: [{ kind: "retry", delayMs: 2040 }],
    });
    await clock.advance(2_000);
    assert.equal(limiter.waiting, 0);
  });

  it("counts addresses and classes apart", async () => {
    const limiter = new RateLimiter({ ...rates, attest: 1, sync: 1 }, new FakeClock());
    await limiter.take("attest", "192.0.2.1", 1, call);
    await limiter.take("attest", "192.0.2.2", 1, call);
    await limiter.take("sync", "192.0.2.1", 1, call);
    assert.equal(limiter.waiting, 0);
  });

  it("fails at once when a call weighs more than the burst", async () => {
    const limiter = new RateLimiter(rates, new FakeClock());
    await limiter.take("x509", "192.0.2.1", 500, call);
    await assert.rejects(limiter.take("x509", "192.0.2.1", 501, call), {
      code: "ERR_RATE_BURST",
      status: "resourceExhausted",
      message: "rate (501) exceeds burst size (500)",
    });
  });

  it("gives back what a caller that went away had reserved", async () => {
    const clock = new FakeClock();
    const limiter = new RateLimiter({ ...rates, attest: 1 }, clock);
    await limiter.take("attest", "192.0.2.1", 1, call);
    const gone = new AbortController();
    const waiting = limiter.take("attest", "192.0.2.1", 1, gone);
    gone.abort(new Error("gone"));
    await assert.rejects(waiting, /gone/);
    await clock.advance(1_000);
    await limiter.take("attest", "192.0.2.1", 1, call);
    assert.equal(limiter.waiting, 0);
  });

  it("limits nothing when off, and takes up new rates at once", async () => {
    const limiter = new RateLimiter("off", new FakeClock());
    await limiter.take("x509", "192.0.2.1", 100_000, call);
    limiter.configure({ ...rates, x509: 5 });
    await assert.rejects(limiter.take("x509", "192.0.2.1", 6, call), { code: "ERR_RATE_BURST" });
  });

  it("forgets the idlest addresses when its table is full", async () => {
    const clock = new FakeClock();
    const limiter = new RateLimiter({ ...rates, attest: 1 }, clock);
    const addresses = Array.from(
      { length: serverLimits.rateBuckets.value + 10 },
      (_, n) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
    );
    for (const address of addresses) await limiter.take("attest", address, 1, call);
    // The newest is still remembered as having spent its token.
    void limiter.take("attest", addresses.at(-1) ?? "", 1, call);
    assert.equal(limiter.waiting, 1);
    await clock.advance(1_000);
  });
});

describe("addressKey()", () => {
  it("counts an IPv6 host by its /64 and a mapped IPv4 address as IPv4", () => {
    assert.equal(addressKey("2001:db8:0:1::5"), addressKey("2001:db8:0:1:ffff::9"));
    assert.notEqual(addressKey("2001:db8:0:1::5"), addressKey("2001:db8:0:2::5"));
    assert.equal(addressKey("::1"), "0:0:0:0");
    assert.equal(addressKey("fe80::1%eth0"), "fe80:0:0:0");
    assert.equal(addressKey("::ffff:192.0.2.1"), "192.0.2.1");
    assert.equal(addressKey("192.0.2.1"), "192.0.2.1");
  });
});
