import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import { noMetrics, silentLogger } from "../../runtime/core/index.ts";
import { createJoinToken } from "../../server/api/agent/create-join-token.ts";
import { batchCreateEntry } from "../../server/api/entry/batch-create-entry.ts";
import { batchDeleteEntry } from "../../server/api/entry/batch-delete-entry.ts";
import { batchUpdateEntry } from "../../server/api/entry/batch-update-entry.ts";
import type { EntryItem, EntryResult } from "../../server/api/entry/entry-result.ts";
import type { UnaryRpc } from "../../server/api/rpc.ts";
import type { CoreServices } from "../../server/api/server-services.ts";
import { selfSigned } from "../../server/authority/upstream/self-signed.ts";
import { type CoreConfig, createServerCore, type ServerCore } from "../../server/core.ts";
import type { AuthorityRecord } from "../../server/domain/authority.ts";
import type { EntryDraft } from "../../server/domain/entry-rules.ts";
import { inlineRunner } from "../../server/issuance/job-runner.ts";
import { MemoryKeyManager } from "../../server/keymanager/memory/memory-key-manager.ts";
import type { Store } from "../../server/store/ports.ts";
import { openInlineStore } from "../../server/store/sqlite/open.ts";
import { RotatingTlsIdentity, type TlsIdentity } from "../../server/tls-identity.ts";
import type { SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import { type FakeClock, settle } from "../fakes/fake-clock.ts";
import { generateKeyAtOnce } from "../fakes/keys.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import type { ShownServer } from "./faulty-link.ts";
import { Life } from "./life.ts";

export interface SimulatedServerOptions {
  readonly clock: FakeClock;
  readonly seed: number;
  readonly trustDomain: TrustDomain;
  /** Where the store lives. `undefined` = in memory, kept over crashes. */
  readonly directory: string | undefined;
  readonly onTlsIdentity: (identity: TlsIdentity) => void;
  /** After every commit that changed an authority. */
  readonly onAuthorities: (records: readonly AuthorityRecord[]) => void;
}

interface Running {
  readonly life: Life;
  readonly core: ServerCore;
  readonly shown: ShownServer;
}

/** A server that crashes and starts again. Store and keys survive, nothing else does. */
export class SimulatedServer {
  readonly #options: SimulatedServerOptions;
  readonly #keys = new MemoryKeyManager(generateKeyAtOnce);
  #store: Store | undefined;
  #running: Running | undefined;
  #life: Life | undefined;
  #starts = 0;
  /** Store calls until the crash; one half-way counts before and after the call. */
  #callsToCrash = Number.POSITIVE_INFINITY;
  /** Background work of a core that ended although it should not. */
  failure: unknown;
  /** Every connection to it breaks. */
  onCrash: () => void = () => {};

  constructor(options: SimulatedServerOptions) {
    this.#options = options;
  }

  get core(): ServerCore | undefined {
    return this.#running?.core;
  }

  get shown(): ShownServer | undefined {
    return this.#running?.shown;
  }

  /** The store as it is on disk. */
  get store(): Store {
    if (this.#store === undefined) throw new Error("the server was never started");
    return this.#store;
  }

  /** False when it crashed while it started. */
  async start(): Promise<boolean> {
    const { clock, seed, trustDomain, onTlsIdentity } = this.#options;
    if (this.#life !== undefined) throw new Error("the server is running");
    const life = new Life();
    this.#life = life;
    this.#starts += 1;
    const random = seededRandom(seed + this.#starts * 1_000);
    const store = await this.#open();
    const deps = {
      clock: life.clock(clock),
      random,
      logger: silentLogger,
      metrics: noMetrics,
      store: life.port(store, () => this.#countDown()),
      keyManager: life.port(this.#keys, () => this.#countDown()),
      upstream: selfSigned(life.clock(clock), random),
      runner: inlineRunner,
      serverVersion: "simulated",
      generateKey: generateKeyAtOnce,
    };
    let failed: unknown;
    const starting = (async (): Promise<Running> => {
      const core = await createServerCore(configOf(trustDomain), deps, (error) => {
        this.failure ??= error;
      });
      const tls = await RotatingTlsIdentity.start({ ...deps, issuance: core.issuance }, onTlsIdentity);
      onTlsIdentity(tls.current);
      core.tasks.run((signal) => tls.run(signal));
      const { gate, services, verifyPeer } = core;
      return { life, core, shown: { gate, services, verifyPeer, tlsChain: () => tls.current.chain } };
    })();
    let running: Running | undefined;
    starting.then(
      (started) => {
        running = started;
      },
      (error: unknown) => {
        failed = error;
      },
    );
    for (let turns = 0; running === undefined && failed === undefined && !life.isOver; turns += 1) {
      if (turns > 1_000) throw new Error("the server does not come up");
      await settle(1);
    }
    if (failed !== undefined) throw failed;
    if (life.isOver) return false;
    this.#running = running;
    return true;
  }

  /** At this moment, wherever it is. */
  crash(): void {
    if (this.#life === undefined) return;
    this.#life.end();
    this.#life = undefined;
    this.#running = undefined;
    this.#callsToCrash = Number.POSITIVE_INFINITY;
    this.onCrash();
  }

  /** At the end of so many half store or key calls: a call counts before it is carried out, and after. */
  crashWithin(halfCalls: number): void {
    this.#callsToCrash = halfCalls;
  }

  async stop(): Promise<void> {
    const running = this.#running;
    await running?.life.outlasts(Promise.resolve(running.core[Symbol.asyncDispose]()));
    if (running?.life === this.#life) this.crash();
  }

  async close(): Promise<void> {
    this.crash();
    await this.#store?.[Symbol.asyncDispose]();
  }

  /** False when the server crashed before it answered. */
  async createToken(agentId: SpiffeId, value: string): Promise<boolean> {
    return (await this.#admin(createJoinToken, { ttl: 3_600, value, agentId })) !== undefined;
  }

  /** `undefined` when the server crashed before it answered; so with the others. */
  async createEntry(draft: EntryDraft): Promise<RegistrationEntry | undefined> {
    return entryOf(await this.#admin(batchCreateEntry, [itemOf(draft)]));
  }

  async updateEntry(draft: EntryDraft): Promise<RegistrationEntry | undefined> {
    return entryOf(await this.#admin(batchUpdateEntry, { items: [itemOf(draft)], fields: undefined }));
  }

  async deleteEntry(id: string): Promise<boolean> {
    return (await this.#admin(batchDeleteEntry, [id])) !== undefined;
  }

  /** As over the admin socket: through the gate. */
  #admin<Request, Response>(
    rpc: UnaryRpc<CoreServices, Request, Response>,
    request: Request,
  ): Promise<Response | undefined> {
    const running = this.#running;
    if (running === undefined) throw new Error("the server is down");
    const { core, life } = running;
    const context = { requestId: "admin", signal: new AbortController().signal };
    const caller = { kind: "local", uid: 0, gid: 0, pid: 1 } as const;
    const work = core.gate.run(
      rpc,
      caller,
      context,
      () => request,
      (value, call) => rpc.handle(core.services, value, call),
    );
    return life.outlasts(work);
  }

  async #open(): Promise<Store> {
    const { clock, seed, trustDomain, directory, onAuthorities } = this.#options;
    if (this.#store !== undefined && directory === undefined) return this.#store;
    await this.#store?.[Symbol.asyncDispose]();
    const store = await openInlineStore({
      trustDomain,
      clock,
      random: seededRandom(seed + 7 + this.#starts * 1_000),
      logger: silentLogger,
      ...(directory === undefined ? {} : { directory }),
    });
    this.#store = store;
    store.onChanges((changes) => {
      if (!changes.some(({ type }) => type === "authority")) return;
      store.listAuthorities().then(onAuthorities, (error: unknown) => {
        this.failure ??= error;
      });
    });
    return store;
  }

  #countDown(): void {
    this.#callsToCrash -= 1;
    if (this.#callsToCrash <= 0) this.crash();
  }
}

function itemOf(value: EntryDraft): EntryItem {
  return { kind: "draft", name: value.id, value };
}

function entryOf(results: readonly EntryResult[] | undefined): RegistrationEntry | undefined {
  const [result] = results ?? [];
  if (result === undefined || result.value !== undefined) return result?.value;
  throw new Error(`refused: ${result.code} ${result.message}`);
}

function configOf(trustDomain: TrustDomain): CoreConfig {
  return {
    trustDomain,
    adminIds: [],
    ttls: { agent: 3_600, x509Svid: 3_600, jwtSvid: 300, ca: 86_400 },
    caKeyType: "ec-p256",
    jwtKeyType: "ec-p256",
    caSubject: undefined,
    jwtIssuer: undefined,
    auditLog: false,
    rateLimits: { attest: 20, x509: 500, jwt: 500, postStatus: 10, publishJwt: 500, sync: 20, entries: 10 },
    nodeAttestors: { joinToken: true, x509pop: undefined },
    pruneNodes: undefined,
  };
}
