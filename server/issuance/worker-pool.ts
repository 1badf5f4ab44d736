import { Worker } from "node:worker_threads";
import { backOffMs, type Clock, errorFields, type Logger, type Random } from "../../runtime/core/index.ts";
import { serverErrors } from "../errors.ts";
import type { JobRunner } from "./job-runner.ts";
import { issuanceLimits } from "./limits.ts";
import type { SigningContext, SvidItem, SvidResult } from "./svid-job.ts";
import { type FromWorker, packItems, type ToWorker, unpackResults } from "./worker-messages.ts";

const restart = { initialMs: 100, capMs: 10_000 };

/** One call of `run`: its items are handed out chunk by chunk, its results come back in any order. */
interface Run {
  readonly context: SigningContext;
  readonly items: readonly SvidItem[];
  readonly results: SvidResult[];
  readonly settle: PromiseWithResolvers<readonly SvidResult[]>;
  next: number;
  open: number;
  isOver: boolean;
}

/** Part of a run, [from, to). */
interface Share {
  readonly run: Run;
  readonly from: number;
  readonly to: number;
}

interface Slot {
  worker: Worker | undefined;
  context: SigningContext | undefined;
  readonly inWork: Map<number, readonly Share[]>;
  /** Deaths in a row without a finished chunk. */
  deaths: number;
}

export interface WorkerPoolOptions {
  /** At least 1. */
  readonly workers: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The worker's program; replaced in tests. */
  readonly entry?: URL;
}

const ownExtension = import.meta.url.slice(import.meta.url.lastIndexOf("."));

/**
 * Signing on other threads. Waiting runs take turns, so one large batch does not hold up single requests; a chunk is
 * as small as an even spread allows and takes from several runs when many small ones wait, which is what makes a
 * message to a worker worth its price. A worker that dies fails what it had in work and is replaced.
 */
export class WorkerPool implements JobRunner {
  readonly #options: WorkerPoolOptions;
  readonly #entry: URL;
  readonly #slots: readonly Slot[];
  readonly #waiting: Run[] = [];
  #queued = 0;
  #nextId = 0;
  #isClosed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    // Run from source the entry is .ts, in a published build .js.
    this.#entry = options.entry ?? new URL(`./worker${ownExtension}`, import.meta.url);
    this.#slots = Array.from({ length: options.workers }, () => ({
      worker: undefined,
      context: undefined,
      inWork: new Map(),
      deaths: 0,
    }));
    for (const slot of this.#slots) this.#start(slot);
  }

  /** Items that no worker has taken yet. */
  get queued(): number {
    return this.#queued;
  }

  async run(context: SigningContext, items: readonly SvidItem[]): Promise<readonly SvidResult[]> {
    if (items.length === 0) return [];
    if (this.#isClosed) throw unavailable("issuance is stopping");
    if (this.#slots.every(({ worker }) => worker === undefined))
      throw unavailable("the signing workers are restarting");
    if (this.#queued + items.length > issuanceLimits.queuedItems.value)
      throw unavailable("too many requests are waiting");
    const run: Run = {
      context,
      items,
      results: new Array(items.length),
      settle: Promise.withResolvers(),
      next: 0,
      open: items.length,
      isOver: false,
    };
    this.#waiting.push(run);
    this.#queued += items.length;
    this.#handOut();
    return run.settle.promise;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const workers = this.#slots.flatMap(({ worker }) => worker ?? []);
    for (const slot of this.#slots) this.#fail(slot, "issuance is stopping");
    for (const run of this.#waiting.splice(0)) this.#refuse(run, "issuance is stopping");
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #handOut(): void {
    while (this.#waiting.length > 0) {
      const slot = this.#freeSlot();
      if (slot === undefined) return;
      this.#send(slot, this.#takeChunk());
    }
  }

  #freeSlot(): Slot | undefined {
    let best: Slot | undefined;
    for (const slot of this.#slots) {
      if (slot.worker === undefined || slot.inWork.size >= issuanceLimits.chunksPerWorker.value) continue;
      if (best === undefined || slot.inWork.size < best.inWork.size) best = slot;
    }
    return best;
  }

  /** From the runs in turn, all of one context. */
  #takeChunk(): readonly Share[] {
    const even = Math.ceil(this.#queued / this.#slots.length);
    let room = Math.min(even, issuanceLimits.chunkItems.value);
    const context = this.#waiting[0]?.context;
    const shares: Share[] = [];
    while (room > 0 && this.#waiting[0] !== undefined && this.#waiting[0].context === context) {
      const [run] = this.#waiting.splice(0, 1);
      if (run === undefined) break;
      const from = run.next;
      run.next = Math.min(run.items.length, from + room);
      shares.push({ run, from, to: run.next });
      room -= run.next - from;
      this.#queued -= run.next - from;
      if (run.next < run.items.length) this.#waiting.push(run);
    }
    return shares;
  }

  #send(slot: Slot, shares: readonly Share[]): void {
    const context = shares[0]?.run.context;
    if (context === undefined) return;
    if (slot.context !== context) {
      slot.context = context;
      const { issuer, key, blockedKeys } = context;
      post(slot, { kind: "context", issuer, key, blockedKeys: [...blockedKeys] }, []);
    }
    const id = this.#nextId++;
    slot.inWork.set(id, shares);
    const items = packItems(shares.flatMap(({ run, from, to }) => run.items.slice(from, to)));
    post(slot, { kind: "job", id, items }, [items.bytes.bytes.buffer]);
  }

  #receive(slot: Slot, { id, results }: FromWorker): void {
    const shares = slot.inWork.get(id);
    if (shares === undefined) return;
    slot.inWork.delete(id);
    slot.deaths = 0;
    this.#handOut();
    const unpacked = unpackResults(results);
    let taken = 0;
    for (const { run, from, to } of shares) {
      for (let index = from; index < to; index += 1) {
        const result = unpacked[taken];
        if (result !== undefined) run.results[index] = result;
        taken += 1;
      }
      run.open -= to - from;
      if (run.open === 0 && !run.isOver) run.settle.resolve(run.results);
    }
  }

  #start(slot: Slot): void {
    if (this.#isClosed) return;
    // Not the parent's flags: a worker needs none, and a debugger port would own its key.
    const worker = new Worker(this.#entry, { name: "signing", execArgv: [], env: {}, stdin: false });
    slot.worker = worker;
    slot.context = undefined;
    worker.unref();
    worker.on("message", (message: FromWorker) => this.#receive(slot, message));
    worker.on("error", (error) => this.#options.logger.error(errorFields(error), "a signing worker failed"));
    worker.on("exit", () => this.#replace(slot, worker));
    this.#handOut();
  }

  #replace(slot: Slot, worker: Worker): void {
    if (slot.worker !== worker) return;
    this.#fail(slot, "the signing worker ended; another one is starting");
    if (this.#isClosed) return;
    const { clock, random, logger } = this.#options;
    slot.deaths += 1;
    const delayMs = slot.deaths === 1 ? 0 : backOffMs(slot.deaths - 2, restart, random);
    logger.warn({ restart_in_ms: Math.round(delayMs) }, "a signing worker ended");
    if (delayMs === 0) {
      this.#start(slot);
      return;
    }
    clock.setTimer(delayMs, () => this.#start(slot));
    if (this.#slots.some(({ worker }) => worker !== undefined)) return;
    for (const run of [...this.#waiting]) this.#refuse(run, "the signing workers are restarting");
  }

  #fail(slot: Slot, why: string): void {
    slot.worker = undefined;
    const lost = [...slot.inWork.values()].flat();
    slot.inWork.clear();
    for (const { run } of lost) this.#refuse(run, why);
  }

  /** The whole run: its caller gets an answer to all of it or to nothing. */
  #refuse(run: Run, why: string): void {
    if (run.isOver) return;
    run.isOver = true;
    const waiting = this.#waiting.indexOf(run);
    if (waiting >= 0) this.#waiting.splice(waiting, 1);
    this.#queued -= run.items.length - run.next;
    run.next = run.items.length;
    run.settle.reject(unavailable(why));
  }
}

function post(slot: Slot, message: ToWorker, transfer: readonly ArrayBuffer[]): void {
  slot.worker?.postMessage(message, [...transfer]);
}

function unavailable(why: string): Error {
  return serverErrors.error("ERR_ISSUANCE_UNAVAILABLE", why);
}
