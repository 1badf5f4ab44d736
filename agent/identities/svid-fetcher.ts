import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { IssuedX509Svid, IssueResult, ServerLink } from "../../proto/domain/link.ts";
import { backOffMs, type Clock, type Random, type TaskGroup, type Timer } from "../../runtime/core/index.ts";
import { ServiceError } from "../../transport/index.ts";
import { type IdentityKey, identityKeyOf, x509Fingerprint } from "../domain/identity-key.ts";
import { retryDelayMs } from "../domain/retry-delay.ts";
import { agentErrors } from "../errors.ts";
import { agentLimits, backOffs } from "../limits.ts";
import { DueQueue } from "./due-queue.ts";
import type { MakeWorkloadKey, WorkloadKey } from "./workload-keys.ts";

export interface SvidFetcherDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly link: Pick<ServerLink, "batchNewX509Svid">;
  readonly makeKey: MakeWorkloadKey;
  /** The entry as it is now; `undefined` = no SVID is wanted any more. */
  readonly entryOf: (key: IdentityKey) => RegistrationEntry | undefined;
  /** Smaller goes first. */
  readonly urgencyOf: (key: IdentityKey) => number;
  /** The server's answers to one batch; called once per batch so that watchers hear once. */
  readonly onAnswers: (answers: readonly SvidAnswer[]) => void;
  readonly onBatchFailed: (error: unknown, size: number, delayMs: number) => void;
}

export type SvidAnswer =
  | {
      readonly kind: "issued";
      readonly entry: RegistrationEntry;
      readonly key: WorkloadKey;
      readonly svid: IssuedX509Svid;
    }
  | { readonly kind: "refused"; readonly entry: RegistrationEntry; readonly code: number; readonly message: string };

interface Prepared {
  readonly entry: RegistrationEntry;
  readonly key: WorkloadKey;
}

/**
 * Gets X509-SVIDs for identities that are wanted: makes keys off the event loop, a few at a time, most urgent first;
 * sends what is ready once no more keys are being made, or after at most 2 ms, if a batch slot is free; so batches
 * grow under load and a lone request does not wait. What fails stays wanted and is tried again, for ever, with back-off.
 */
export class SvidFetcher {
  readonly #deps: SvidFetcherDeps;
  readonly #tasks: TaskGroup;
  /** Everything asked for and not yet answered. */
  readonly #wanted = new Set<IdentityKey>();
  /** Wanted for identities that have no SVID so far; they will need room in the cache. */
  readonly #newcomers = new Set<IdentityKey>();
  /** Wanted, and neither being prepared, ready, in flight nor delayed. */
  readonly #idle = new Set<IdentityKey>();
  /** The most urgent of `idle`, in order; chosen in portions so that sorting stays cheap. */
  #next: IdentityKey[] = [];
  readonly #refusals = new Map<IdentityKey, number>();
  readonly #delayed: DueQueue<IdentityKey>;
  #ready: Prepared[] = [];
  #preparing = 0;
  #inFlight = 0;
  #window: Timer | undefined;
  #pause: Timer | undefined;
  #failures = 0;
  #batchLimit: number = agentLimits.svidBatch.value;
  #closed = false;

  constructor(deps: SvidFetcherDeps, tasks: TaskGroup) {
    this.#deps = deps;
    this.#tasks = tasks;
    this.#delayed = new DueQueue(deps.clock, (keys) => this.#release(keys));
  }

  wanted(): IterableIterator<IdentityKey> {
    return this.#wanted.values();
  }

  get newcomers(): number {
    return this.#newcomers.size;
  }

  /** Idempotent. `isUrgent`: a workload waits for it; it overtakes what was chosen already. */
  want(key: IdentityKey, options: { readonly isUrgent: boolean; readonly isNewcomer: boolean }): void {
    if (this.#closed) return;
    if (options.isNewcomer) this.#newcomers.add(key);
    if (!this.#wanted.has(key)) {
      this.#wanted.add(key);
      this.#idle.add(key);
    }
    if (options.isUrgent && this.#idle.has(key)) this.#next.unshift(key);
    this.#pump();
  }

  /** What is in flight is answered nevertheless; the receiver of the answer drops it. */
  forget(key: IdentityKey): void {
    this.#wanted.delete(key);
    this.#newcomers.delete(key);
    this.#idle.delete(key);
    this.#refusals.delete(key);
    this.#delayed.delete(key);
  }

  forgetAll(): void {
    for (const key of [...this.#wanted]) this.forget(key);
    this.#next = [];
    this.#ready = [];
  }

  /** The server can be reached again: no more waiting. */
  resume(): void {
    this.#failures = 0;
    this.#pause?.cancel();
    this.#pause = undefined;
    this.#pump();
    this.#flush();
  }

  close(): void {
    this.#closed = true;
    this.forgetAll();
    this.#delayed.clear();
    this.#window?.cancel();
    this.#pause?.cancel();
  }

  #release(keys: readonly IdentityKey[]): void {
    for (const key of keys) if (this.#wanted.has(key)) this.#idle.add(key);
    this.#pump();
  }

  #pump(): void {
    while (
      !this.#closed &&
      this.#preparing < agentLimits.keysInFlight.value &&
      this.#ready.length < agentLimits.svidBatch.value
    ) {
      const key = this.#take();
      if (key === undefined) return;
      const entry = this.#deps.entryOf(key);
      if (entry === undefined) {
        this.forget(key);
        continue;
      }
      this.#preparing += 1;
      this.#tasks.run(() => this.#prepare(entry));
    }
  }

  #take(): IdentityKey | undefined {
    for (;;) {
      if (this.#next.length === 0) this.#next = this.#mostUrgent();
      const key = this.#next.shift();
      if (key === undefined) return undefined;
      if (this.#idle.delete(key)) return key;
    }
  }

  #mostUrgent(): IdentityKey[] {
    const { urgencyOf } = this.#deps;
    return [...this.#idle]
      .map((key) => ({ key, urgency: urgencyOf(key) }))
      .sort((left, right) => left.urgency - right.urgency)
      .slice(0, agentLimits.svidBatch.value)
      .map(({ key }) => key);
  }

  async #prepare(entry: RegistrationEntry): Promise<void> {
    try {
      const key = await this.#deps.makeKey();
      this.#ready.push({ entry, key });
    } finally {
      this.#preparing -= 1;
    }
    if (this.#closed) return;
    const isLast = this.#preparing === 0 && this.#idle.size === 0;
    if (isLast || this.#ready.length >= this.#batchLimit) this.#flush();
    else this.#window ??= this.#deps.clock.setTimer(agentLimits.batchWindowMs.value, () => this.#flush());
    this.#pump();
  }

  #flush(): void {
    this.#window?.cancel();
    this.#window = undefined;
    if (this.#pause !== undefined || this.#closed) return;
    while (this.#ready.length > 0 && this.#inFlight < agentLimits.batchesInFlight.value) {
      const batch = this.#ready.splice(0, this.#batchLimit).filter((item) => this.#isStillDue(item));
      if (batch.length === 0) continue;
      this.#inFlight += 1;
      this.#tasks.run((signal) => this.#send(batch, signal));
    }
    this.#pump();
  }

  /** The entry may have gone or changed since its key was made; then a new request is due instead. */
  #isStillDue({ entry }: Prepared): boolean {
    const key = identityKeyOf(entry);
    if (!this.#wanted.has(key)) return false;
    const now = this.#deps.entryOf(key);
    if (now !== undefined && x509Fingerprint(now) === x509Fingerprint(entry)) return true;
    this.#idle.add(key);
    return false;
  }

  async #send(batch: readonly Prepared[], signal: AbortSignal): Promise<void> {
    try {
      const params = batch.map(({ entry, key }) => ({ entryId: entry.id, csrDer: key.csrDer }));
      const results = await this.#deps.link.batchNewX509Svid(params, {
        signal,
        timeoutMs: agentLimits.batchTimeoutMs.value,
      });
      if (results.length !== batch.length) {
        throw agentErrors.error("ERR_RESPONSE_UNUSABLE", `${results.length} results for ${batch.length} requests`);
      }
      this.#failures = 0;
      this.#batchLimit = Math.min(agentLimits.svidBatch.value, this.#batchLimit * 2);
      this.#answer(batch, results);
    } catch (error) {
      if (this.#closed) return;
      this.#fail(batch, error);
    } finally {
      this.#inFlight -= 1;
    }
    this.#flush();
  }

  #answer(batch: readonly Prepared[], results: readonly IssueResult[]): void {
    const answers: SvidAnswer[] = [];
    for (const [index, { entry, key }] of batch.entries()) {
      const result = results[index];
      if (result === undefined || !this.#wanted.has(identityKeyOf(entry))) continue;
      if (result.kind === "issued") answers.push({ kind: "issued", entry, key, svid: result.svid });
      else answers.push({ kind: "refused", entry, code: result.code, message: result.message });
    }
    this.#deps.onAnswers(answers);
  }

  /** The answer was good: nothing more is wanted for this identity. */
  settle(key: IdentityKey): void {
    this.forget(key);
  }

  /** The answer was no good: ask again after a while. Returns the delay, milliseconds. */
  retryLater(key: IdentityKey): number {
    const attempt = this.#refusals.get(key) ?? 0;
    this.#refusals.set(key, attempt + 1);
    const delayMs = backOffMs(attempt, backOffs.svid, this.#deps.random);
    this.#idle.delete(key);
    this.#delayed.set(key, this.#deps.clock.now() + delayMs);
    return delayMs;
  }

  /** The answer came too late for the entry as it is now: ask again at once. */
  retryNow(key: IdentityKey): void {
    if (this.#wanted.has(key)) this.#idle.add(key);
    this.#pump();
  }

  #fail(batch: readonly Prepared[], error: unknown): void {
    // The keys were never used, so they serve for the next attempt.
    this.#ready = [...batch, ...this.#ready];
    const isTooMuch = error instanceof ServiceError && error.status === "resourceExhausted";
    if (isTooMuch) this.#batchLimit = Math.max(1, this.#batchLimit >> 1);
    const delayMs = Math.max(backOffMs(this.#failures, backOffs.batch, this.#deps.random), retryDelayMs(error));
    this.#failures += 1;
    this.#deps.onBatchFailed(error, batch.length, delayMs);
    this.#pause?.cancel();
    this.#pause = this.#deps.clock.setTimer(delayMs, () => {
      this.#pause = undefined;
      this.#flush();
    });
  }
}
