import type { ServerLink, SyncPage, SyncStatus } from "../../proto/domain/link.ts";
import { backOffMs, type Clock, type Random, TaskGroup, type Timer } from "../../runtime/core/index.ts";
import type { PermissionDeniedReason } from "../../transport/index.ts";
import { retryDelayMs } from "../domain/retry-delay.ts";
import { Wakeup } from "../domain/wakeup.ts";
import { agentErrors } from "../errors.ts";
import type { NodeIdentity } from "../identity/node-identity.ts";
import { agentLimits, backOffs } from "../limits.ts";
import type { AgentEvents } from "../telemetry/events.ts";
import { type ChangeSet, ChangeSetAssembler } from "./change-sets.ts";
import { deniedReason } from "./denied-reason.ts";
import type { HeldPositions } from "./held-positions.ts";
import { SyncSession } from "./session.ts";

/** Where change sets go. */
export interface SyncSink {
  /** Applies all of it, or throws and has changed nothing. */
  apply(set: ChangeSet): void;
  /** Of the entries held. */
  entryDigest(): string;
  /** Entries whose SVID is still on its way. */
  pendingIds(): readonly string[];
  /** Entries whose SVID still rests on a distrusted authority. */
  distrustedIds(): readonly string[];
  setCurrent(isCurrent: boolean): void;
  status(): Omit<SyncStatus, "kind">;
}

export interface SyncLoopDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly link: Pick<ServerLink, "openSync">;
  readonly events: AgentEvents;
  readonly sink: SyncSink;
  readonly positions: HeldPositions;
  readonly agentVersion: string;
  /** What the agent is known by when a stream is opened. */
  readonly identity: () => NodeIdentity | undefined;
  /** The server has accepted the identity that a stream was opened with. */
  readonly onAccepted: (identity: NodeIdentity | undefined) => void;
  /** The server no longer accepts the identity that a stream was opened with. */
  readonly onDenied: (reason: PermissionDeniedReason, identity: NodeIdentity | undefined) => void;
  /** A stream could not be opened, or broke. */
  readonly onFailed: (error: unknown) => void;
}

const protocol = 1;
const defaultStatusIntervalMs = 30_000;
/** After a welcome to a held position, silence for this long means that nothing has changed. */
const silenceMs = 500;
/** Peace for a server that has too much to do and does not say for how long. */
const exhaustedMs = 5_000;

/** Keeps one sync stream open for ever; moves to a new connection without a gap. */
export class SyncLoop {
  readonly #deps: SyncLoopDeps;
  readonly #wakeup = new Wakeup();
  #assembler = new ChangeSetAssembler();
  #active: SyncSession | undefined;
  /** Welcomed, and waiting to take the active one's place. */
  #next: SyncSession | undefined;
  #handingOver: Promise<void> | undefined;
  #isCurrent = false;
  #failures = 0;
  #lastPending = "";
  /** `undefined`: this stream has not spoken of distrust yet. */
  #lastDistrusted: string | undefined;
  #lastStatus = "";
  #statusSentAt = Number.NEGATIVE_INFINITY;
  #statusTimer: Timer | undefined;
  #statusIntervalMs = defaultStatusIntervalMs;
  #silence: Timer | undefined;
  readonly #tasks = new TaskGroup();

  constructor(deps: SyncLoopDeps) {
    this.#deps = deps;
  }

  get isConnected(): boolean {
    return this.#active !== undefined && !this.#active.isClosed;
  }

  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  set statusIntervalSeconds(seconds: number) {
    this.#statusIntervalMs = Math.min(3600, Math.max(1, seconds)) * 1000;
  }

  /** Runs until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) await this.#once(signal);
    } finally {
      this.#active?.close();
      this.#next?.close();
      this.#silence?.cancel();
      this.#statusTimer?.cancel();
      await this.#tasks.close();
    }
  }

  /** The agent has a new identity, or the server wants its connection replaced: opens a stream on the new connection, then leaves the old one. */
  handOver(): void {
    this.#wakeup.wake();
    if (this.#active === undefined || this.#handingOver !== undefined) return;
    this.#handingOver = this.#prepareNext().finally(() => {
      this.#handingOver = undefined;
    });
  }

  /** More SVIDs have come; whoever waits on the server for them wants to know. */
  pendingChanged(): void {
    this.#acknowledgeDistrust();
    const position = this.#deps.positions.get("entry");
    const session = this.#active;
    if (position === undefined || session === undefined) return;
    const pendingEntryIds = this.#deps.sink.pendingIds();
    const text = pendingEntryIds.join();
    if (text === this.#lastPending) return;
    this.#lastPending = text;
    session.send({ kind: "ack", type: "entry", position, pendingEntryIds });
  }

  /** Says which SVIDs still rest on a distrusted authority, when they are others than it was last told. */
  #acknowledgeDistrust(): void {
    const position = this.#deps.positions.get("distrust");
    const session = this.#active;
    if (position === undefined || session === undefined || this.#lastDistrusted === undefined) return;
    const pendingEntryIds = this.#deps.sink.distrustedIds();
    const text = pendingEntryIds.join();
    if (text === this.#lastDistrusted) return;
    this.#lastDistrusted = text;
    session.send({ kind: "ack", type: "distrust", position, pendingEntryIds });
  }

  /** What the server shows of this agent may be another now. It hears of it at once, or when the interval is over. */
  statusChanged(): void {
    if (this.#statusTimer !== undefined || this.#active === undefined) return;
    const { clock } = this.#deps;
    const delayMs = Math.max(0, this.#statusSentAt + this.#statusIntervalMs - clock.monotonic());
    this.#statusTimer = clock.setTimer(delayMs, () => this.#sendStatus());
  }

  async #once(signal: AbortSignal): Promise<void> {
    const session = this.#next ?? this.#open();
    const isHandOver = session === this.#next;
    this.#next = undefined;
    const onAbort = (): void => session.close();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      if (signal.aborted) session.close();
      await this.#follow(session, isHandOver);
    } catch (error) {
      await this.#recover(error, session, signal);
    } finally {
      signal.removeEventListener("abort", onAbort);
      session.close();
    }
  }

  async #follow(session: SyncSession, isHandOver: boolean): Promise<void> {
    const welcome = await this.#welcomeOf(session);
    this.#deps.onAccepted(session.identity);
    this.#active = session;
    this.#assembler = new ChangeSetAssembler();
    this.#lastStatus = "";
    this.#lastPending = "";
    this.#lastDistrusted = undefined;
    const server = { id: welcome.serverId, version: welcome.serverVersion };
    if (isHandOver) this.#deps.events.syncHandedOver(server);
    else this.#deps.events.syncConnected(server);
    const resumes = session.hello.held.some(({ type }) => type === "entry");
    if (resumes) this.#silence = this.#deps.clock.setTimer(silenceMs, () => this.#silent(session));
    session.adopt();
    this.statusChanged();
    try {
      await session.ended;
    } finally {
      this.#active = undefined;
      this.#silence?.cancel();
      await this.#handingOver;
      if (this.#next === undefined) this.#setCurrent(false);
    }
  }

  async #welcomeOf(session: SyncSession) {
    const timer = this.#deps.clock.setTimer(agentLimits.welcomeTimeoutMs.value, () => session.close());
    try {
      return await session.welcomed;
    } finally {
      timer.cancel();
    }
  }

  async #recover(error: unknown, session: SyncSession, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    // The server ends the old identity's streams once the new one is in use: no loss when the next stream is there.
    if (this.#next !== undefined) return;
    const reason = deniedReason(error);
    if (reason !== undefined) this.#deps.onDenied(reason, session.identity);
    this.#deps.onFailed(error);
    const delayMs = Math.max(
      backOffMs(this.#failures, backOffs.sync, this.#deps.random),
      retryDelayMs(error, exhaustedMs),
    );
    this.#failures += 1;
    this.#deps.events.syncEnded(error, delayMs);
    await this.#wakeup.sleep(this.#deps.clock, delayMs, signal).catch(() => {});
  }

  async #prepareNext(): Promise<void> {
    for (let attempt = 0; this.#active !== undefined && !this.#active.isClosed; attempt += 1) {
      const session = this.#open();
      try {
        await this.#welcomeOf(session);
        this.#next = session;
        this.#active?.close();
        return;
      } catch (error) {
        session.close();
        const reason = deniedReason(error);
        if (reason !== undefined) this.#deps.onDenied(reason, session.identity);
        const delayMs = backOffMs(attempt, backOffs.sync, this.#deps.random);
        this.#deps.events.handOverFailed(error, delayMs);
        const old = this.#active;
        if (old === undefined) return;
        // The old stream's end leads to an ordinary reconnection; there is nothing left to hand over then.
        await Promise.race([this.#deps.clock.sleep(delayMs, { signal: this.#tasks.signal }), old.ended]).catch(
          () => {},
        );
      }
    }
  }

  #open(): SyncSession {
    const hello = {
      protocol,
      capabilities: [],
      held: this.#deps.positions.list(),
      agentVersion: this.#deps.agentVersion,
    };
    const stream = this.#deps.link.openSync(hello);
    return new SyncSession(hello, this.#deps.identity(), stream, (page, session) => this.#take(page, session));
  }

  #take(page: SyncPage, session: SyncSession): void {
    if (session !== this.#active) return;
    const set = this.#assembler.add(page);
    if (set === undefined) return;
    const { sink, positions, events } = this.#deps;
    if (set.isSnapshot || !positions.isPast(set.type, set.position)) {
      sink.apply(set);
      positions.set(set.type, set.position);
      events.syncApplied(set.type, set.isSnapshot, set.resources.length, set.removed.length);
      if (set.type === "entry" && !this.#hasSameDigest(set, session)) return;
    }
    const position = positions.get(set.type) ?? set.position;
    const pendingEntryIds = this.#pendingOf(set.type);
    if (set.type === "entry") this.#lastPending = pendingEntryIds.join();
    if (set.type === "distrust") this.#lastDistrusted = pendingEntryIds.join();
    session.send({ kind: "ack", type: set.type, position, pendingEntryIds });
    // The bundle may have tainted what the distrust did not name, and an entry that went took its SVID along.
    this.#acknowledgeDistrust();
    if (set.type === "entry") this.#caughtUp();
  }

  #pendingOf(type: ChangeSet["type"]): readonly string[] {
    if (type === "entry") return this.#deps.sink.pendingIds();
    return type === "distrust" ? this.#deps.sink.distrustedIds() : [];
  }

  /** A difference is repaired by a snapshot; when a snapshot itself differs, after the usual delay. */
  #hasSameDigest(set: ChangeSet, session: SyncSession): boolean {
    const actual = this.#deps.sink.entryDigest();
    if (set.digest === undefined || set.digest === actual) return true;
    this.#deps.events.digestMismatch(set.digest, actual, set.isSnapshot);
    this.#deps.positions.forget("entry");
    this.#setCurrent(false);
    if (set.isSnapshot) throw agentErrors.error("ERR_SYNC_PROTOCOL", "a snapshot does not have the digest it names");
    session.close();
    return false;
  }

  #silent(session: SyncSession): void {
    if (session === this.#active && !this.#assembler.isUnfinished("entry")) this.#caughtUp();
  }

  #caughtUp(): void {
    this.#failures = 0;
    this.#setCurrent(true);
  }

  #setCurrent(isCurrent: boolean): void {
    if (isCurrent === this.#isCurrent) return;
    this.#isCurrent = isCurrent;
    this.#deps.events.syncCurrent(isCurrent);
    this.#deps.sink.setCurrent(isCurrent);
  }

  #sendStatus(): void {
    this.#statusTimer = undefined;
    this.#acknowledgeDistrust();
    const status = this.#deps.sink.status();
    const text = JSON.stringify(status);
    if (this.#active === undefined || text === this.#lastStatus) return;
    this.#lastStatus = text;
    this.#statusSentAt = this.#deps.clock.monotonic();
    this.#active.send({ kind: "status", ...status });
  }
}
