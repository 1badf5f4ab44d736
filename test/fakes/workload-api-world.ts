import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { AgentState, WorkloadCaller } from "../../agent/ports.ts";
import {
  type CallerAttestation,
  defaultWorkloadApiConfig,
  registerWorkloadApi,
  type WorkloadApi,
  type WorkloadApiConfig,
} from "../../agent/workload-api/index.ts";
import { workloadApiService } from "../../proto/services.ts";
import { noMetrics, silentLogger } from "../../runtime/core/index.ts";
import { Selector, TrustDomain } from "../../spiffe/index.ts";
import { dialUnix, listenUnix, type RpcChannel, RpcRouter, type UnixListener } from "../../transport/index.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeIdentities } from "./fake-identities.ts";
import { TestAuthority } from "./test-authority.ts";

export const ownDomain = TrustDomain.parse("a.test");
export const header = { "workload.spiffe.io": "true" } as const;
const dayMs = 86_400_000;

/** Says of every caller what the test wants it to say, and counts how often it was asked. */
class FakeAttestation implements CallerAttestation {
  selectors: readonly Selector[] = [Selector.parse("unix:uid:1000")];
  failure: Error | undefined;
  asked = 0;
  callers: WorkloadCaller[] = [];
  hasNewInterest = false;

  set(...selectors: readonly string[]): void {
    this.selectors = selectors.map((selector) => Selector.parse(selector));
  }

  async attest(caller: WorkloadCaller): Promise<readonly Selector[]> {
    this.asked += 1;
    this.callers.push(caller);
    if (this.failure !== undefined) throw this.failure;
    return this.selectors;
  }

  interestChanged(): boolean {
    return this.hasNewInterest;
  }
}

/** The Workload API on a real Unix socket, over identities and an attestation that the test directs. */
export class WorkloadApiWorld {
  readonly clock = new FakeClock();
  readonly authority: TestAuthority;
  readonly identities: FakeIdentities;
  readonly attestation = new FakeAttestation();
  readonly path: string;
  readonly api: WorkloadApi;
  readonly channel: RpcChannel;
  state: AgentState = { agentId: undefined, notReady: undefined };
  readonly #folder = mkdtempSync(join(tmpdir(), "cs-wapi-"));
  readonly router = new RpcRouter();
  #listener: UnixListener | undefined;

  private constructor(config: Partial<WorkloadApiConfig>, attestation: CallerAttestation | undefined) {
    const now = this.clock.now();
    this.authority = new TestAuthority(ownDomain, { notBeforeMs: now - dayMs, notAfterMs: now + 365 * dayMs });
    this.identities = new FakeIdentities(this.authority, this.clock);
    this.path = join(this.#folder, "run", "agent.sock");
    this.channel = dialUnix({ path: this.path });
    this.api = registerWorkloadApi(this.router, {
      identities: this.identities,
      attestation: attestation ?? this.attestation,
      state: () => this.state,
      clock: this.clock,
      config: { ...defaultWorkloadApiConfig, ...config },
      logger: silentLogger,
      metrics: noMetrics,
    });
  }

  static async start(
    context: TestContext,
    config: Partial<WorkloadApiConfig> = {},
    attestation?: CallerAttestation,
  ): Promise<WorkloadApiWorld> {
    const world = new WorkloadApiWorld(config, attestation);
    context.after(() => world.#close());
    const { path, clock } = world;
    const { router } = world;
    world.#listener = await listenUnix({ path, mode: 0o777, directoryMode: 0o755, router, clock });
    return world;
  }

  /** An entry that matches the attested caller. */
  putWeb(parts: { readonly entryId?: string; readonly path?: string; readonly hint?: string } = {}): void {
    this.identities.put({ entryId: "web", path: "/web", selectors: ["unix:uid:1000"], ...parts });
  }

  watchX509(options: { readonly timeoutMs?: number; readonly channel?: RpcChannel } = {}) {
    const { channel = this.channel, ...rest } = options;
    return new Reader(channel.serverStream(workloadApiService.FetchX509SVID, {}, { metadata: header, ...rest }));
  }

  watchX509Bundles() {
    return new Reader(this.channel.serverStream(workloadApiService.FetchX509Bundles, {}, { metadata: header }));
  }

  watchJwtBundles() {
    return new Reader(this.channel.serverStream(workloadApiService.FetchJWTBundles, {}, { metadata: header }));
  }

  fetchJwt(audience: readonly string[], spiffeId = "") {
    const request = { audience: [...audience], spiffe_id: spiffeId };
    return this.channel.unary(workloadApiService.FetchJWTSVID, request, { metadata: header });
  }

  validateJwt(audience: string, svid: string) {
    return this.channel.unary(workloadApiService.ValidateJWTSVID, { audience, svid }, { metadata: header });
  }

  async #close(): Promise<void> {
    this.api[Symbol.dispose]();
    this.channel.close();
    await this.#listener?.close({ graceMs: 0 });
    rmSync(this.#folder, { recursive: true });
  }
}

/** Reads a stream message by message. */
export class Reader<Message> {
  readonly #iterator: AsyncIterator<Message>;

  constructor(messages: AsyncIterable<Message>) {
    this.#iterator = messages[Symbol.asyncIterator]();
  }

  /** The next message; fails when the stream ends, also when it ends with OK. */
  async next(): Promise<Message> {
    const result = await this.#iterator.next();
    if (result.done === true) throw new Error("the stream ended with OK");
    return result.value;
  }

  async cancel(): Promise<void> {
    await this.#iterator.return?.();
  }
}

/** Lets the event loop turn until `condition` holds. */
export async function eventually(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 20_000; turn += 1) {
    if (condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("it did not come about");
}
