import type { KeyObject } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildCsr, Certificate, generateKey } from "../../certs/index.ts";
import { decodeX509Svid } from "../../proto/convert/svid.ts";
import type { IssuedX509Svid } from "../../proto/domain/link.ts";
import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import { agentService, entryService } from "../../proto/services.ts";
import { type Clock, noMetrics, silentLogger, systemClock, systemRandom } from "../../runtime/core/index.ts";
import { createLogger } from "../../runtime/host/index.ts";
import { selfSigned } from "../../server/authority/upstream/self-signed.ts";
import { type Server, type ServerConfig, startServer } from "../../server/index.ts";
import { inlineRunner } from "../../server/issuance/job-runner.ts";
import { MemoryKeyManager } from "../../server/keymanager/memory/memory-key-manager.ts";
import type { Store } from "../../server/store/ports.ts";
import { openInlineStore } from "../../server/store/sqlite/open.ts";
import { TrustDomain, verifyX509Svid } from "../../spiffe/index.ts";
import { dialTls, dialUnix, type RpcChannel } from "../../transport/index.ts";

/** An agent that attested: what it holds, and a channel that uses it. */
export interface TestAgent {
  readonly svid: IssuedX509Svid;
  readonly key: KeyObject;
  readonly serialNumber: string;
}

export interface TestServerOptions {
  readonly config?: Partial<ServerConfig>;
  readonly clock?: Clock;
  /** Wraps the store, to make it fail. */
  readonly wrapStore?: (store: Store) => Store;
  /** What outlives a restart: the next server is started with the same. Without it, everything is in memory. */
  readonly kept?: { readonly directory: string; readonly keyManager: MemoryKeyManager };
}

/** A whole server on real sockets in this process: store in memory, keys in memory, signing on this thread. */
export class TestServer implements AsyncDisposable {
  readonly server: Server;
  readonly config: ServerConfig;
  readonly admin: RpcChannel;
  readonly #cleanup: AsyncDisposableStack;
  #tokens = 0;
  /** TLS connections of the channels made by `dial`. */
  connections = 0;

  private constructor(server: Server, config: ServerConfig, cleanup: AsyncDisposableStack) {
    this.server = server;
    this.config = config;
    this.#cleanup = cleanup;
    this.admin = cleanup.adopt(dialUnix({ path: config.socketPath }), async (channel) => channel.close());
  }

  static async start(options: TestServerOptions = {}): Promise<TestServer> {
    const { clock = systemClock, wrapStore = (store: Store) => store } = options;
    await using cleanup = new AsyncDisposableStack();
    const directory = mkdtempSync(join(tmpdir(), "cs-server-"));
    cleanup.defer(() => rmSync(directory, { recursive: true, force: true }));
    const config: ServerConfig = { ...defaultConfig(directory), ...options.config };
    const { trustDomain } = config;
    const random = systemRandom;
    const logger = silentLogger;
    const store = await openInlineStore({
      ...{ trustDomain, clock, random, logger },
      ...(options.kept === undefined ? {} : { directory: options.kept.directory }),
    });
    cleanup.use(store);
    const server = await startServer(config, {
      clock,
      random,
      logger,
      log: createLogger({ level: "info", destination: { write: () => {} } }),
      metrics: noMetrics,
      store: wrapStore(store),
      keyManager: options.kept?.keyManager ?? new MemoryKeyManager(),
      upstream: selfSigned(clock, random),
      runner: inlineRunner,
      serverVersion: "0.1.0-test",
      graceMs: 200,
    });
    cleanup.use(server);
    return new TestServer(server, config, cleanup.move());
  }

  /** A TLS channel, anonymous without `identity`; closed with the server. */
  dial(
    identity?: { readonly chain: readonly Uint8Array[]; readonly key: KeyObject },
    onShown: (chain: readonly Certificate[]) => void = () => {},
  ): RpcChannel {
    const channel = dialTls({
      address: this.server.tcp,
      ...(identity === undefined ? {} : { identity: () => identity }),
      verifyServer: (chain) => {
        this.connections += 1;
        onShown(chain);
        const bundles = { get: (name: TrustDomain) => this.server.core.registry.bundle(name) };
        verifyX509Svid({ chain, bundles, atMs: this.server.core.services.clock.now(), usage: "server" });
      },
    });
    return this.#cleanup.adopt(channel, async (open) => open.close());
  }

  dialAs(agent: TestAgent): RpcChannel {
    return this.dial({ chain: agent.svid.chain, key: agent.key });
  }

  async createToken(request: { readonly token?: string; readonly ttl?: number } = {}): Promise<string> {
    const { value } = await this.admin.unary(agentService.CreateJoinToken, { ttl: 600, ...request });
    return value;
  }

  /** Attests with `token`, over a channel of its own unless one is given. Rejects as the server refuses. */
  async attest(
    token: string,
    parts: { readonly csr?: Uint8Array; readonly type?: string; readonly channel?: RpcChannel } = {},
  ): Promise<TestAgent> {
    const key = await generateKey("ec-p256");
    const channel = parts.channel ?? this.dial();
    const call = channel.bidi(agentService.AttestAgent);
    const csr = Buffer.from(parts.csr ?? buildCsr({ key }));
    const data = { type: parts.type ?? "join_token", payload: Buffer.from(token) };
    call.send({ params: { data, params: { csr } } });
    try {
      for await (const { result } of call.responses) {
        if (result === null || result === undefined) throw new Error("challenged without need");
        const svid = decodeX509Svid(result.svid);
        return { svid, key, serialNumber: serialOf(svid) };
      }
    } finally {
      call.cancel();
    }
    throw new Error("no result");
  }

  /** An attested agent called `name` (its token). */
  async agent(name = `agent-${++this.#tokens}`): Promise<TestAgent> {
    return this.attest(await this.createToken({ token: name }));
  }

  /** Creates an entry under `agent` and returns its id. */
  async createEntry(agent: TestAgent, path: string, parts: Partial<Entry> = {}): Promise<string> {
    const entry: Entry = {
      spiffe_id: { trust_domain: this.config.trustDomain.name, path },
      parent_id: { trust_domain: agent.svid.id.trustDomain.name, path: agent.svid.id.path },
      selectors: [{ type: "unix", value: "uid:1000" }],
      ...parts,
    };
    const { results } = await this.admin.unary(entryService.BatchCreateEntry, { entries: [entry] });
    const [result] = results;
    if (result?.status?.code !== 0 || !result.entry) throw new Error(`not created: ${result?.status?.message}`);
    return result.entry.id;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cleanup.disposeAsync();
  }
}

export function serialOf(svid: IssuedX509Svid): string {
  return Certificate.parse(svid.chain[0] ?? new Uint8Array()).serialNumber;
}

function defaultConfig(directory: string): ServerConfig {
  return {
    trustDomain: TrustDomain.parse("example.org"),
    dataDir: directory,
    bind: { host: "127.0.0.1", port: 0 },
    socketPath: join(directory, "server.sock"),
    connectionAge: { usualMs: 180_000, syncMs: 3_600_000 },
    adminIds: [],
    ttls: { agent: 3_600, x509Svid: 3_600, jwtSvid: 300, ca: 86_400 },
    caKeyType: "ec-p256",
    jwtKeyType: "ec-p256",
    caSubject: undefined,
    jwtIssuer: undefined,
    keyManager: "memory",
    logLevel: "error",
    auditLog: false,
    rateLimits: "off",
    proxies: undefined,
    nodeAttestors: { joinToken: true, x509pop: undefined },
    pruneNodes: undefined,
    upstream: { kind: "none" },
    statusListener: undefined,
  };
}
