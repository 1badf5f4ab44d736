import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LevelledLog } from "../../agent/admin-api/index.ts";
import { type Agent, type AgentConfig, startAgent } from "../../agent/index.ts";
import { workloadApiService } from "../../proto/services.ts";
import { type Logger, noMetrics, Secret, silentLogger, systemClock, systemRandom } from "../../runtime/core/index.ts";
import { TrustDomain } from "../../spiffe/index.ts";
import { dialUnix, type TlsListener } from "../../transport/index.ts";
import { FakeServer } from "./fake-server-link.ts";
import { serveTls, type TlsServerOptions } from "./tls-server.ts";

const trustDomain = TrustDomain.parse("example.org");

/** A folder, a server on a TLS port, and what an agent needs to know of them. */
export class AgentStand implements AsyncDisposable {
  server: FakeServer;
  readonly folder: string;
  readonly #parts: AsyncDisposableStack;
  readonly #warnings: unknown[] = [];
  readonly #logger: Logger = {
    ...silentLogger,
    warn: (fields) => void this.#warnings.push(fields["error_code"]),
    child: () => this.#logger,
  };
  #listener: TlsListener;
  config: AgentConfig;

  private constructor(server: FakeServer, folder: string, listener: TlsListener, parts: AsyncDisposableStack) {
    this.server = server;
    this.#listener = listener;
    this.folder = folder;
    this.#parts = parts;
    this.config = {
      trustDomain,
      dataDir: join(folder, "data"),
      server: { host: "127.0.0.1", port: listener.address.port },
      socketPath: join(folder, "api.sock"),
      attestor: { kind: "join_token", token: { kind: "value", token: new Secret("token-1") } },
      bootstrap: { kind: "insecure" },
      workloadKeyType: "ec-p256",
      x509CacheMaxSize: 1000,
      syncIntervalMs: 5_000,
      rebootstrap: { mode: "never", delayMs: 600_000 },
      jwtCacheMaxSize: 1000,
      workloadStateDir: join(folder, "workloads"),
      allowUnauthenticatedVerifiers: false,
      allowedForeignJwtClaims: [],
      holdCurrentMs: 2_000,
      holdBehindMs: 10_000,
      logLevel: "error",
      statusListener: undefined,
      adminSocketPath: undefined,
    };
  }

  static async create(options: TlsServerOptions = {}): Promise<AgentStand> {
    const parts = new AsyncDisposableStack();
    const server = await FakeServer.create(trustDomain, systemClock, systemRandom);
    server.tokens.add("token-1");
    const folder = await mkdtemp(join(tmpdir(), "a-"));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    const stand = new AgentStand(server, folder, await serveTls(server, options), parts);
    parts.defer(() => stand.#listener.close({ graceMs: 0 }));
    return stand;
  }

  /** Ends the server and puts another on its address. */
  async replaceServer(server: FakeServer, options: TlsServerOptions = {}): Promise<void> {
    const { port } = this.#listener.address;
    await this.#listener.close({ graceMs: 0 });
    this.server = server;
    this.#listener = await serveTls(server, { ...options, port });
  }

  /** Fails when it does not become true within 10 seconds. */
  async until(what: string, isTrue: () => boolean): Promise<void> {
    for (let wait = 0; !isTrue(); wait += 1) {
      if (wait > 1_000) throw new Error(`in vain: ${what}`);
      await systemClock.sleep(10);
    }
  }

  readonly log: LevelledLog = {
    level: "info",
    launchLevel: "info",
    setLevel(level) {
      Object.assign(this, { level });
    },
  };

  /** How often the agent has warned with this code. */
  warnings(code: string): number {
    return this.#warnings.filter((warned) => warned === code).length;
  }

  async start(): Promise<Agent> {
    return startAgent(this.config, {
      clock: systemClock,
      random: systemRandom,
      logger: this.#logger,
      log: this.log,
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
