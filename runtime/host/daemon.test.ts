import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { silentLogger } from "../core/index.ts";
import { daemonExitCodes, feedWatchdog, reportDaemonFailure } from "./daemon.ts";
import type { ServiceNotifier } from "./systemd.ts";

function notifierOf(watchdogMs: number | undefined) {
  const told: string[] = [];
  const notifier: ServiceNotifier = {
    ready: () => told.push("ready"),
    reloading: () => told.push("reloading"),
    stopping: () => told.push("stopping"),
    watchdog: () => told.push("watchdog"),
    status: (text) => told.push(text),
    watchdogMs,
  };
  return { told, notifier };
}

describe("feedWatchdog()", () => {
  it("answers twice in each interval until it is stopped", async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const { told, notifier } = notifierOf(10_000);
    const feeding = feedWatchdog(clock, notifier, stop.signal);
    await clock.advance(20_000);
    assert.equal(told.length, 5);
    stop.abort(new Error("stop"));
    await assert.rejects(feeding, /stop/);
  });

  it("ends at once when nobody watches", async () => {
    const { told, notifier } = notifierOf(undefined);
    await feedWatchdog(new FakeClock(), notifier, new AbortController().signal);
    assert.deepEqual(told, []);
  });
});

describe("reportDaemonFailure()", () => {
  const ends = (error: unknown): { readonly exit: number; readonly told: readonly string[] } => {
    const { told, notifier } = notifierOf(undefined);
    const needsOperator = new Set(["ERR_LOCKED"]);
    return {
      exit: reportDaemonFailure(error, { what: "server", logger: silentLogger, notifier, needsOperator }),
      told,
    };
  };

  it("tells what no restart heals from what may pass", () => {
    const coded = (code: string): Error => Object.assign(new Error("why"), { code, fix: "do this" });
    assert.deepEqual(ends(coded("ERR_LOCKED")), { exit: daemonExitCodes.needsOperator, told: ["ERR_LOCKED: why"] });
    assert.deepEqual(ends(coded("ERR_OTHER")), { exit: daemonExitCodes.failed, told: ["ERR_OTHER: why"] });
    assert.deepEqual(ends(new Error("surprise")), { exit: daemonExitCodes.failed, told: ["failed"] });
    assert.deepEqual(ends("text"), { exit: daemonExitCodes.failed, told: ["failed"] });
  });
});
