import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settle } from "../../test/fakes/fake-clock.ts";
import { systemClock } from "./clock.ts";
import { TaskGroup } from "./task-group.ts";

describe("TaskGroup", () => {
  it("aborts its tasks on close and waits for them", async () => {
    const group = new TaskGroup();
    let ended = false;
    group.run(async (signal) => {
      await systemClock.sleep(60_000, { signal }).catch(() => {});
      await Promise.resolve();
      ended = true;
    });
    await group.close();
    assert.equal(ended, true);
  });

  it("aborts the others at the first failure, tells the owner, and rethrows it on close", async () => {
    const failure = new Error("boom");
    const heard: unknown[] = [];
    const group = new TaskGroup((error) => heard.push(error));
    let othersReason: unknown;
    group.run(async (signal) => {
      await systemClock.sleep(60_000, { signal }).catch((reason: unknown) => {
        othersReason = reason;
      });
    });
    group.run(() => Promise.reject(failure));
    await settle();
    assert.equal(group.signal.reason, failure);
    await assert.rejects(group.close(), failure);
    assert.equal(othersReason, failure);
    assert.deepEqual(heard, [failure]);
    await group.close();
  });

  it("starts nothing once closed", async () => {
    let started = false;
    {
      await using group = new TaskGroup();
      await group.close();
      group.run(() => {
        started = true;
        return Promise.resolve();
      });
    }
    assert.equal(started, false);
  });

  it("ignores what a task throws because it was aborted", async () => {
    const group = new TaskGroup();
    group.run((signal) => systemClock.sleep(60_000, { signal }));
    await group.close();
  });
});
