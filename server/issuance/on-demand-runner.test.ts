import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { OnDemandRunner } from "./on-demand-runner.ts";
import type { SigningContext, SvidItem, SvidResult } from "./svid-job.ts";

function world(): {
  readonly runner: OnDemandRunner;
  readonly clock: FakeClock;
  readonly pooled: number[];
  closed: number;
} {
  const state = { pooled: [] as number[], closed: 0 };
  const clock = new FakeClock();
  const runner = new OnDemandRunner({
    clock,
    pool: () => ({
      queued: 7,
      run: (_context: SigningContext, items: readonly SvidItem[]): Promise<readonly SvidResult[]> => {
        state.pooled.push(items.length);
        return Promise.resolve([]);
      },
      close: () => {
        state.closed += 1;
        return Promise.resolve();
      },
    }),
  });
  return {
    runner,
    clock,
    get pooled() {
      return state.pooled;
    },
    get closed() {
      return state.closed;
    },
  };
}

/** Only counted here: the items never reach a signer. */
function many(count: number): readonly SvidItem[] {
  return Array.from<SvidItem>({ length: count });
}

const context: unknown = {};

describe("OnDemandRunner", () => {
  it("starts the pool with a batch that is too much for one thread, and keeps it", async () => {
    const { runner, pooled } = world();
    assert.equal(runner.queued, 0);
    await runner.run(context as SigningContext, many(65));
    await runner.run(context as SigningContext, many(1));
    assert.deepEqual(pooled, [65, 1]);
    assert.equal(runner.queued, 7);
  });

  it("signs little work on its own thread, whatever the time", async () => {
    const { runner, clock, pooled } = world();
    for (let second = 0; second < 5; second += 1) {
      await runner.run(context as SigningContext, []);
      await clock.advance(1_001);
    }
    assert.deepEqual(pooled, []);
  });

  it("closes the pool only when there is one", async () => {
    const idle = world();
    await idle.runner.close();
    assert.equal(idle.closed, 0);
    const busy = world();
    await busy.runner.run(context as SigningContext, many(100));
    await busy.runner.close();
    assert.equal(busy.closed, 1);
  });
});
