import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { workloadApiService } from "../proto/services.ts";
import { noMetrics, Secret, silentLogger, systemClock, systemRandom } from "../runtime/core/index.ts";
import { SpiffeId, TrustDomain } from "../spiffe/index.ts";
import { selectors } from "../test/fakes/agent-world.ts";
import { FakeServer } from "../test/fakes/fake-server-link.ts";
import { serveTls, type TlsServerOptions } from "../test/fakes/tls-server.ts";
import { dialUnix } from "../transport/index.ts";
import { type Agent, type AgentConfig, startAgent } from "./index.ts";

const trustDomain = TrustDomain.parse("example.org");
const uid = process.getuid?.() ?? 0;
const mine = { id: "web", spiffeId: "spiffe://example.org/web", selectors: selectors(`unix:uid:${uid}`) };

/** A folder, a server on a TLS port, and what an agent needs to know of them. */
class Stand implements AsyncDisposable {
  readonly server: FakeServer;
  readonly folder: string;
  readonly #parts: AsyncDisposableStack;
  config: AgentConfig;

  private constructor(server: FakeServer, folder: string, port: number, parts: AsyncDisposableStack) {
    this.server = server;
    this.folder = folder;
    this.#parts = parts;
    this.config = {
      trustDomain,
      dataDir: join(folder, "data"),
      server: { host: "127.0.0.1", port },
      socketPath: join(folder, "api.sock"),
      attestor: { kind: "join_token", token: { kind: "value", token: new Secret("token-1") } },
      bootstrap: { kind: "insecure" },
      workloadKeyType: "ec-p256",
      x509CacheMaxSize: 1000,
      syncIntervalMs: 5_000,
      jwtCacheMaxSize: 1000,
      workloadStateDir: join(folder, "workloads"),
      allowUnauthenticatedVerifiers: false,
      allowedForeignJwtClaims: [],
      holdCurrentMs: 2_000,
      holdBehindMs: 10_000,
      logLevel: "error",
      statusListener: undefined,
    };
  }

  static async create(options: TlsServerOptions = {}): Promise<Stand> {
    const parts = new AsyncDisposableStack();
    const server = await FakeServer.create(trustDomain, systemClock, systemRandom);
    server.tokens.add("token-1");
    const folder = await mkdtemp(join(tmpdir(), "a-"));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    const listener = parts.use(await serveTls(server, options));
    return new Stand(server, folder, listener.address.port, parts);
  }

  async start(): Promise<Agent> {
    return startAgent(this.config, {
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      metrics: noMetrics,
      version: "test",
    });
  }

  /** The first answer of FetchX509SVID, as a workload of this process's uid gets it. */
  async fetch(): Promise<readonly string[]> {
    const channel = dialUnix({ path: this.config.socketPath });
    const metadata = { "workload.spiffe.io": "true" };
    try {
      for await (const { svids } of channel.serverStream(workloadApiService.FetchX509SVID, {}, { metadata })) {
        return svids.map(({ spiffe_id }) => spiffe_id);
      }
      return [];
    } finally {
      channel.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#parts.disposeAsync();
  }
}

describe("an agent on real sockets", () => {
  it("attests with a join token, and a workload gets its SVID", async () => {
    await using stand = await Stand.create();
    stand.server.putEntry(mine);
    await using agent = await stand.start();
    await agent.ready;
    assert.deepEqual(await stand.fetch(), ["spiffe://example.org/web"]);
    assert.equal((await stat(join(stand.config.dataDir, "identity.json"))).mode & 0o777, 0o600);
    assert.equal((await stat(join(stand.config.dataDir, "bundle.json"))).mode & 0o777, 0o600);
  });

  it("holds a caller from before the attestation until its entry exists", async () => {
    await using stand = await Stand.create();
    await using agent = await stand.start();
    const fetched = stand.fetch();
    await agent.ready;
    stand.server.putEntry(mine);
    assert.deepEqual(await fetched, ["spiffe://example.org/web"]);
  });

  it("takes its identity from the data directory after a restart", async () => {
    await using stand = await Stand.create();
    stand.server.putEntry(mine);
    const first = await stand.start();
    await first.ready;
    const before = await readFile(join(stand.config.dataDir, "identity.json"), "utf8");
    await first.close();
    stand.config = {
      ...stand.config,
      attestor: { kind: "join_token", token: { kind: "none" } },
      bootstrap: { kind: "none" },
    };
    await using second = await stand.start();
    await second.ready;
    assert.deepEqual(await stand.fetch(), ["spiffe://example.org/web"]);
    assert.equal(await readFile(join(stand.config.dataDir, "identity.json"), "utf8"), before);
  });

  it("sends no join token to a server of another name", async () => {
    await using stand = await Stand.create({ id: SpiffeId.parse("spiffe://example.org/not-the-server") });
    await using agent = await stand.start();
    await Promise.race([agent.ready, systemClock.sleep(300)]);
    assert.notEqual(agent.state.notReady, undefined);
    assert.deepEqual(stand.server.log, []);
    assert.ok(stand.server.tokens.has("token-1"));
  });

  it("sends no join token to a server of the right name under another CA", async () => {
    const real = await FakeServer.create(trustDomain, systemClock, systemRandom);
    await using stand = await Stand.create();
    const path = join(stand.folder, "bundle.json");
    const { writeFile } = await import("node:fs/promises");
    await writeFile(path, real.issuer.bundle().toJwks());
    stand.config = { ...stand.config, bootstrap: { kind: "file", path } };
    await using agent = await stand.start();
    await Promise.race([agent.ready, systemClock.sleep(300)]);
    assert.notEqual(agent.state.notReady, undefined);
    assert.deepEqual(stand.server.log, []);
  });

  it("ends with the code of the refusal when its token is used up", async () => {
    await using stand = await Stand.create();
    stand.server.tokens.clear();
    await using agent = await stand.start();
    await assert.rejects(agent.ended, { code: "ERR_ATTESTATION_REFUSED" });
  });

  it("moves to a new connection at renewal without a gap in the stream", async () => {
    await using stand = await Stand.create();
    stand.server.agentTtl = 2;
    stand.server.putEntry(mine);
    await using agent = await stand.start();
    await agent.ready;
    const renewed = (): boolean => stand.server.log.filter((line) => line === "renew").length >= 2;
    for (let wait = 0; wait < 100 && !renewed(); wait += 1) await systemClock.sleep(50);
    assert.ok(renewed());
    assert.deepEqual(await stand.fetch(), ["spiffe://example.org/web"]);
    assert.equal(agent.state.notReady, undefined);
    assert.ok(stand.server.streams <= 2);
  });
});
