// needs: time; budget: 240; waits
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { entryService } from "../../../proto/services.ts";
import { silentLogger, systemClock, systemRandom } from "../../../runtime/core/index.ts";
import type { X509Context } from "../../../sdk/index.ts";
import { openInlineStore } from "../../../server/store/sqlite/open.ts";
import { TrustDomain, verifyX509Svid } from "../../../spiffe/index.ts";
import { dialUnix } from "../../../transport/index.ts";
import { type AgentHandle, System } from "../../env/system.ts";
import { Watch } from "../../env/watch.ts";
import { seededRandom } from "../../fakes/seeded-random.ts";

const seed = Number(process.env["SEED"] ?? Date.now() % 100_000);
const rounds = 20;
/** Longer than twice the time that a start takes on a busy machine; short enough for renewals in every few rounds. */
const lives = { default_x509_svid_ttl: "24s", agent_ttl: "60s", ca_ttl: "240s" };

/** Renewal is at half of the life ± 5 %. */
const leftMs = 10_000;

/** Creates entries without a pause and remembers those that the server acknowledged. */
class Writer implements AsyncDisposable {
  readonly acknowledged = new Set<string>();
  readonly refusals: string[] = [];
  readonly #system: System;
  readonly #agent: AgentHandle;
  #isOver = false;
  readonly #ended: Promise<void>;

  constructor(system: System, agent: AgentHandle) {
    this.#system = system;
    this.#agent = agent;
    this.#ended = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    for (let count = 0; !this.#isOver; ) {
      const channel = dialUnix({ path: this.#system.serverSocket });
      try {
        for (; !this.#isOver; count += 1) await this.#create(channel, count);
      } catch {
        // The server is being killed: this entry is not acknowledged.
        count += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
      } finally {
        channel.close();
      }
    }
  }

  async #create(channel: ReturnType<typeof dialUnix>, count: number): Promise<void> {
    const { trustDomain } = this.#system;
    const entry = {
      spiffe_id: { trust_domain: trustDomain, path: `/other/${count}` },
      parent_id: { trust_domain: trustDomain, path: new URL(this.#agent.alias).pathname },
      selectors: [{ type: "unix", value: `uid:${900_000 + count}` }],
      additional_attributes: { disable_x509_svid_prefetch: true },
    };
    const { results } = await channel.unary(entryService.BatchCreateEntry, { entries: [entry] }, { timeoutMs: 5_000 });
    const [result] = results;
    if (result?.status?.code === 0 && result.entry !== null) this.acknowledged.add(result.entry.id);
    else this.refusals.push(result?.status?.message ?? "no result");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function newest(watch: Watch): X509Context {
  const context = watch.updates.at(-1);
  assert.ok(context !== undefined, "the workload has never had an SVID");
  return context;
}

function assertValid({ svids, bundles }: X509Context, atMs: number): void {
  for (const { chain, id } of svids) {
    assert.ok(verifyX509Svid({ chain, bundles, atMs, usage: "any" }).id.equals(id));
  }
}

describe("processes killed at any moment", () => {
  it(`lose no acknowledged entry and no valid identity in ${rounds} rounds (SEED=${seed})`, async (test) => {
    const random = seededRandom(seed);
    await using system = await System.start({ settings: lives });
    let agent = await system.startAgent();
    await system.createEntry(agent, { path: "/web", flags: ["--wait"] });
    await using watch = new Watch(agent.socket);
    await watch.until(() => true);
    const serials = new Set<string>();
    await using writer = new Writer(system, agent);
    for (let round = 0; round < rounds; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50 + random.float() * 900));
      if (random.float() < 0.5) {
        system.server.kill("SIGKILL");
        assert.equal(await system.server.ended, "SIGKILL");
        // Sometimes while it starts.
        if (random.float() < 0.3) {
          const starting = system.startServer().catch(() => "killed");
          await new Promise((resolve) => setTimeout(resolve, random.float() * 600));
          system.server.kill("SIGKILL");
          await starting;
          await system.server.ended;
        }
        await system.startServer();
      } else {
        agent.running.kill("SIGKILL");
        assert.equal(await agent.running.ended, "SIGKILL");
        agent = await system.launchAgent(agent.name, agent.alias, agent.token);
      }
      // More is left than when it is renewed the latest: the workload has what it should have by now.
      const context = await watch.until(({ svids }) => svids[0].leaf.notAfter > Date.now() + leftMs, 30_000);
      serials.add(context.svids[0].leaf.serialNumber);
      assertValid(context, Date.now());
    }

    await writer[Symbol.asyncDispose]();
    const { acknowledged, refusals } = writer;
    assert.deepEqual(refusals, []);
    test.diagnostic(
      `${acknowledged.size} entries acknowledged, ${serials.size} SVIDs, ${watch.updates.length} updates`,
    );
    assert.ok(acknowledged.size > 10 * rounds, "next to nothing was written");
    const listed = JSON.stringify(await system.json("entry", "list"));
    const missing = [...acknowledged].filter((id) => !listed.includes(`"${id}"`));
    assert.deepEqual(missing, []);

    const before = newest(watch).svids[0].leaf.serialNumber;
    const renewed = await watch.until(
      ({ svids }) => svids[0].leaf.serialNumber !== before,
      30_000,
      watch.updates.length,
    );
    assertValid(renewed, Date.now());
    await system.createEntry(agent, { path: "/late", flags: ["--wait"] });
    await watch.until(({ svids }) => svids.some(({ id }) => id.path === "/late"));
    for (const context of watch.updates) assertValid(context, (context.svids[0].leaf.notBefore ?? 0) + 11_000);

    await system.server.stop();
    await using store = await openInlineStore({
      trustDomain: TrustDomain.parse(system.trustDomain),
      directory: join(system.folder, "server"),
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    });
    const active = (await store.listAuthorities()).filter(({ state }) => state === "active").map(({ kind }) => kind);
    assert.deepEqual(active.sort(), ["jwt", "x509"]);
  });
});
