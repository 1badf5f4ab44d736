import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { systemClock } from "./clock.ts";

describe("systemClock", () => {
  it("sleeps and tells both kinds of time", async () => {
    const wall = systemClock.now();
    const started = systemClock.monotonic();
    await Promise.all([systemClock.sleep(5), new Promise((resolve) => setTimeout(resolve, 10))]);
    assert.ok(systemClock.monotonic() - started >= 4);
    assert.ok(Math.abs(systemClock.now() - wall) < 60_000);
  });

  it("does not run a cancelled timer", async () => {
    let ran = false;
    systemClock
      .setTimer(1, () => {
        ran = true;
      })
      .cancel();
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(ran, false);
  });

  it("accepts delays beyond what Node's timers can hold", async () => {
    let ran = false;
    const timer = systemClock.setTimer(40 * 86_400_000, () => {
      ran = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
    timer.cancel();
    assert.equal(ran, false);
  });

  it("rejects a sleep with the signal's reason, before and during", async () => {
    const reason = new Error("stop");
    await assert.rejects(systemClock.sleep(1000, { signal: AbortSignal.abort(reason) }), reason);
    const controller = new AbortController();
    const sleeping = systemClock.sleep(60_000, { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(sleeping, reason);
  });
});

describe("FakeClock", () => {
  it("fires timers in order of due time and creation, and only when advanced", async () => {
    const clock = new FakeClock(1000);
    const fired: string[] = [];
    clock.setTimer(20, () => fired.push(`late@${clock.now()}`));
    clock.setTimer(10, () => fired.push(`first@${clock.now()}`));
    clock.setTimer(10, () => {
      fired.push(`second@${clock.now()}`);
      clock.setTimer(5, () => fired.push(`nested@${clock.now()}`));
    });
    clock.setTimer(15, () => fired.push("never")).cancel();
    assert.deepEqual(fired, []);
    await clock.advance(30);
    assert.deepEqual(fired, ["first@1010", "second@1010", "nested@1015", "late@1020"]);
    assert.equal(clock.monotonic(), 30);
    assert.equal(clock.pendingTimers, 0);
  });
});
