import type { Position, SyncAck, SyncHello, SyncMessage, SyncResource, SyncStatus } from "../../proto/domain/link.ts";
import type { Clock } from "../../runtime/core/index.ts";
import type { SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import type { ServiceError } from "../../transport/errors/service-error.ts";
import { serverLimits } from "../limits.ts";
import type { AuthorizedEntries, Registry } from "../registry/ports.ts";
import type { Feed } from "../store/ports.ts";
import { BundleOutbox, DistrustOutbox, type ResourceBatch } from "./bundle-outbox.ts";
import type { ConnectionTable } from "./connections.ts";
import { EntryOutbox } from "./entry-outbox.ts";
import type { OpenSession } from "./open-session.ts";
import { type ChangeSet, cutPages } from "./pages.ts";
import { resumeEntries } from "./resume.ts";
import { WakeUp } from "./wake-up.ts";

export interface SyncDeps {
  readonly trustDomain: TrustDomain;
  readonly registry: Registry;
  readonly authorized: AuthorizedEntries;
  readonly feed: Pick<Feed, "changesAfter">;
  readonly connections: ConnectionTable;
  readonly clock: Clock;
  readonly serverId: string;
  readonly serverVersion: string;
  /** Seconds between an agent's status messages. */
  readonly statusIntervalSeconds: number;
  onSynced(kind: "snapshot" | "resumed"): void;
}

/** Resolves when the transport wants more: while it does not, changes merge in the outboxes. */
export type SyncSink = (message: SyncMessage) => Promise<void>;

const protocolVersion = 1;

/** One agent's stream: welcome, what it lacks, then every change that concerns it, as it happens. */
export class AgentSession implements OpenSession {
  readonly agentId: SpiffeId;
  readonly #deps: SyncDeps;
  readonly #wake = new WakeUp();
  readonly #over = new AbortController();
  readonly #bundles: BundleOutbox;
  readonly #distrust = new DistrustOutbox();
  #entries: EntryOutbox;
  #bundlesMayDiffer = true;
  #acknowledged: Position | undefined;
  #distrustSent: Position | undefined;
  #distrustAcknowledged: Position | undefined;
  /** SVIDs of distrusted authorities are still there. */
  #isReplacing = false;
  #pendingEntryIds: ReadonlySet<string> = new Set();

  constructor(agentId: SpiffeId, deps: SyncDeps) {
    this.agentId = agentId;
    this.#deps = deps;
    this.#bundles = new BundleOutbox(deps.registry, deps.trustDomain);
    this.#entries = new EntryOutbox(deps.registry.position);
  }

  get acknowledged(): Position | undefined {
    return this.#acknowledged;
  }

  get isUpToDate(): boolean {
    return this.lag === 0 && !this.#entries.hasPending;
  }

  get lag(): number {
    const newest = this.#entries.position;
    if (this.#acknowledged?.epoch !== newest.epoch) return newest.n;
    return Math.max(0, newest.n - this.#acknowledged.n);
  }

  get queued(): number {
    return this.#entries.pendingCount;
  }

  hasApplied(position: Position, entryIds: readonly string[]): boolean {
    const reached = this.#acknowledged;
    if (reached === undefined || reached.epoch !== position.epoch || reached.n < position.n) return false;
    return !entryIds.some((id) => this.#pendingEntryIds.has(id));
  }

  hasReplaced(authorityIds: ReadonlySet<string>): boolean {
    const [sent, reached] = [this.#distrustSent, this.#distrustAcknowledged];
    if (sent === undefined || reached?.epoch !== sent.epoch || reached.n < sent.n || this.#isReplacing) return false;
    return [...authorityIds].every((id) => this.#distrust.hasSent(id));
  }

  get newest(): Position {
    return this.#entries.position;
  }

  end(error: ServiceError): void {
    this.#over.abort(error);
  }

  /**
   * Runs the stream until the agent ends it (resolves) or the server must (rejects with the reason).
   * `inbound` is everything after the hello.
   */
  async run(
    hello: SyncHello,
    inbound: AsyncIterable<SyncAck | SyncStatus>,
    send: SyncSink,
    callSignal: AbortSignal,
  ): Promise<void> {
    const signal = AbortSignal.any([callSignal, this.#over.signal]);
    await this.#catchUp(hello, signal);
    // From here to the first `await` is one turn: the set, its position and the watch belong together.
    const authorized = this.#deps.authorized.authorizedEntries(this.agentId);
    const position = this.#deps.registry.position;
    this.#entries = new EntryOutbox(position);
    const unwatchEntries = this.#deps.authorized.watch(this.agentId, (delta) => {
      this.#entries.apply(delta);
      this.#wake.set();
    });
    const unwatchBundles = this.#deps.registry.onApplied((changes) => {
      if (!changes.some((change) => change.type === "bundle")) return;
      this.#bundlesMayDiffer = true;
      this.#wake.set();
    });
    try {
      const writing = this.#write(hello, authorized, position, send, signal);
      await Promise.race([writing, this.#read(inbound, signal), rejectedBy(signal)]);
    } finally {
      unwatchEntries();
      unwatchBundles();
      this.#over.abort(new Error("session is over"));
      this.#deps.connections.release(this);
    }
  }

  /** An agent may have seen a position (from another server) that this one has yet to reach. */
  async #catchUp(hello: SyncHello, signal: AbortSignal): Promise<void> {
    const { registry, clock } = this.#deps;
    const ahead = hello.held.filter(({ position }) => position.epoch === registry.position.epoch);
    const furthest = Math.max(0, ...ahead.map(({ position }) => position.n));
    if (furthest <= registry.position.n) return;
    const giveUp = new AbortController();
    const timer = clock.setTimer(serverLimits.syncCatchUpMs.value, () => giveUp.abort());
    try {
      await registry.reached(furthest, AbortSignal.any([signal, giveUp.signal]));
    } catch (error) {
      // Not reached in time means a position that never was of this store: a snapshot follows.
      if (!giveUp.signal.aborted) throw error;
    } finally {
      timer.cancel();
    }
  }

  async #write(
    hello: SyncHello,
    authorized: ReturnType<AuthorizedEntries["authorizedEntries"]>,
    position: Position,
    send: SyncSink,
    signal: AbortSignal,
  ): Promise<void> {
    const { serverId, serverVersion, connections } = this.#deps;
    await send({ kind: "welcome", protocol: protocolVersion, capabilities: [], serverVersion, serverId });
    connections.takeOver(this, hello.agentVersion);
    await this.#sendStart(hello, authorized, position, send, signal);
    for (;;) {
      await this.#wake.wait(signal);
      await this.#sendChanges(send, signal);
    }
  }

  async #sendStart(
    hello: SyncHello,
    authorized: ReturnType<AuthorizedEntries["authorizedEntries"]>,
    position: Position,
    send: SyncSink,
    signal: AbortSignal,
  ): Promise<void> {
    const held = hello.held.find(({ type }) => type === "entry")?.position;
    const byId = new Map(authorized.map((entry) => [entry.id, entry]));
    const { feed, authorized: sets } = this.#deps;
    const moved = (n: number): boolean => sets.selectorsMayHaveChangedAfter(this.agentId, n);
    const resumed = await resumeEntries(feed, moved, held, position, byId);
    const digest = this.#entries.reset(authorized, position);
    const common = { isSnapshot: true, position, removed: [], digest: undefined };
    const config: SyncResource = { kind: "config", statusIntervalSeconds: this.#deps.statusIntervalSeconds };
    await this.#sendSet({ ...common, type: "config", resources: [config] }, send, signal);
    this.#bundlesMayDiffer = false;
    const distrust = this.#takeDistrust(position);
    await this.#sendSet({ ...common, type: "distrust", resources: distrust?.resources ?? [] }, send, signal);
    const bundles = this.#bundles.take(this.#entries.federatedTrustDomains());
    await this.#sendSet({ ...common, type: "bundle", resources: bundles?.resources ?? [] }, send, signal);
    const entries = (resumed?.upserted ?? authorized).map((entry): SyncResource => ({ kind: "entry", entry }));
    const set: ChangeSet = {
      type: "entry",
      isSnapshot: resumed === undefined,
      position,
      resources: entries,
      removed: resumed?.removed ?? [],
      digest,
    };
    await this.#sendSet(set, send, signal);
    this.#deps.onSynced(resumed === undefined ? "snapshot" : "resumed");
  }

  async #sendChanges(send: SyncSink, signal: AbortSignal): Promise<void> {
    const entries = this.#entries.take();
    // Bundles first: an entry must not come before the bundle it federates with. Before them the distrust: it says how
    // the replacing that a tainted authority asks for is to be spread.
    if (this.#bundlesMayDiffer || entries !== undefined) {
      this.#bundlesMayDiffer = false;
      await this.#sendBatch("distrust", this.#takeDistrust(this.#deps.registry.position), send, signal);
      await this.#sendBatch("bundle", this.#bundles.take(this.#entries.federatedTrustDomains()), send, signal);
    }
    if (entries === undefined) return;
    const { position, removed, digest } = entries;
    const resources = entries.upserted.map((entry): SyncResource => ({ kind: "entry", entry }));
    await this.#sendSet({ type: "entry", isSnapshot: false, position, resources, removed, digest }, send, signal);
  }

  #takeDistrust(position: Position): ResourceBatch | undefined {
    const batch = this.#distrust.take(this.#ownBundle(), () => this.#deps.connections.replacementSpreadMs());
    if (batch !== undefined) this.#distrustSent = position;
    return batch;
  }

  #ownBundle() {
    return this.#deps.registry.bundle(this.#deps.trustDomain);
  }

  async #sendBatch(
    type: "bundle" | "distrust",
    batch: ResourceBatch | undefined,
    send: SyncSink,
    signal: AbortSignal,
  ): Promise<void> {
    if (batch === undefined) return;
    const position = this.#deps.registry.position;
    await this.#sendSet({ ...batch, type, isSnapshot: false, position, digest: undefined }, send, signal);
  }

  async #sendSet(set: ChangeSet, send: SyncSink, signal: AbortSignal): Promise<void> {
    for (const page of cutPages(set)) {
      signal.throwIfAborted();
      await send(page);
    }
  }

  async #read(inbound: AsyncIterable<SyncAck | SyncStatus>, signal: AbortSignal): Promise<void> {
    for await (const message of inbound) {
      signal.throwIfAborted();
      if (message.kind === "status") this.#deps.connections.heard(this, message);
      else this.#acknowledge(message);
    }
  }

  #acknowledge(ack: SyncAck): void {
    if (ack.type === "entry") {
      this.#acknowledged = ack.position;
      this.#pendingEntryIds = new Set(ack.pendingEntryIds.slice(0, serverLimits.syncAckPending.value));
    } else if (ack.type === "distrust") {
      this.#distrustAcknowledged = ack.position;
      this.#isReplacing = ack.pendingEntryIds.length > 0;
    }
    this.#deps.connections.heard(this);
  }
}

/** A reader that stalls must not keep a session that is over. */
function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
