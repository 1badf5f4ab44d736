import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import type { JobRunner } from "./job-runner.ts";
import { OnDemandRunner } from "./on-demand-runner.ts";
import type { SigningContext, SvidItem } from "./svid-job.ts";

/** Counts what it is given. */
class CountingRunner implements JobRunner {
  readonly queued = 7;
  readonly runs: number[] = [];
  closed = 0;

  run(_context: SigningContext, items: readonly SvidItem[]): Promise<readonly []> {
    this.runs.push(items.length);
    return Promise.resolve([]);
  }

  close(): Promise<void> {
    this.closed += 1;
    return Promise.resolve();
  }
}

const item: SvidItem = {
  csrDer: new Uint8Array(0),
  uri: "spiffe://one.test/a",
  dnsNames: [],
  serial: new Uint8Array(16),
  notBefore: 0,
  notAfter: 1,
};
const context: SigningContext = {
  issuer: { subjectDer: new Uint8Array(0), subjectKeyId: new Uint8Array(0), signatureAlgorithm: "ES256" },
  key: undefined,
  blockedKeys: new Set(),
};

class World {
  readonly clock = new FakeClock();
  readonly inline = new CountingRunner();
  readonly pool = new CountingRunner();
  readonly runner = new OnDemandRunner({ clock: this.clock, pool: () => this.pool, inline: this.inline });

  async sign(items: number): Promise<void> {
    await this.runner.run(context, new Array<SvidItem>(items).fill(item));
  }
}

describe("OnDemandRunner", () => {
  it("signs little work on its own thread, however long it goes on", async () => {
    const { sign, clock, inline, pool } = bound(new World());
    for (let second = 0; second < 5; second += 1) {
      await sign(40);
      await clock.advance(1_001);
    }
    assert.deepEqual(inline.runs, [40, 40, 40, 40, 40]);
    assert.deepEqual(pool.runs, []);
  });

  it("starts the pool when a second brings more than one thread should do, and keeps it", async () => {
    const { sign, clock, runner, inline, pool } = bound(new World());
    await sign(40);
    assert.equal(runner.queued, 0);
    await sign(40);
    await clock.advance(60_000);
    await sign(1);
    assert.deepEqual([inline.runs, pool.runs], [[40], [40, 1]]);
    assert.equal(runner.queued, 7);
  });

  it("starts the pool with one batch that is too much for one thread", async () => {
    const { sign, inline, pool } = bound(new World());
    await sign(65);
    assert.deepEqual([inline.runs, pool.runs], [[], [65]]);
  });

  it("closes the pool only when there is one", async () => {
    const idle = bound(new World());
    await idle.runner.close();
    assert.equal(idle.pool.closed, 0);
    const busy = bound(new World());
    await busy.sign(100);
    await busy.runner.close();
    assert.equal(busy.pool.closed, 1);
  });
});

function bound(world: World) {
  const { clock, runner, inline, pool } = world;
  return { clock, runner, inline, pool, sign: (items: number) => world.sign(items) };
}
