import { Worker } from "node:worker_threads";
import {
  backOffMs,
  type Clock,
  errorFields,
  type Logger,
  type Random,
  type Timer,
} from "../../../../runtime/core/index.ts";
import { serverLimits } from "../../../limits.ts";
import type { ChangeListeners } from "../change-listeners.ts";
import type { Answer, Args, Operation, RowPosition, SnapshotChunk } from "../protocol.ts";
import { type Decoded, type EngineHost, makePending, type Pending, settleCommit } from "./engine-host.ts";
import { storeError, unavailable } from "./store-error.ts";
import type { FromWorker, NumberedRequest, ToWorker, WorkerOptions } from "./worker-protocol.ts";

export interface WorkerHostDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly listeners: ChangeListeners;
  /** Called with each thread that is started. */
  readonly onThread?: (thread: Worker) => void;
}

interface ChunkRequest {
  resolve(message: { readonly position: RowPosition; readonly chunk: SnapshotChunk | undefined }): void;
  reject(error: unknown): void;
}

/** From its sources the worker is a .ts file, from a published package a .js file, as this one. */
const workerUrl = new URL(`./worker.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url);

/**
 * The engine in a thread of its own: an fsync never holds the event loop. When the thread dies, what was on its way is
 * rejected as unavailable and the thread is started again, with back-off, for as long as the host is open.
 */
export class WorkerHost implements EngineHost {
  readonly #options: WorkerOptions;
  readonly #deps: WorkerHostDeps;
  readonly #pending = new Map<number, Pending>();
  readonly #chunks = new Map<number, ChunkRequest>();
  #outbox: NumberedRequest[] = [];
  #nextId = 0;
  #worker: Worker | undefined;
  #restart: Timer | undefined;
  #attempt = 0;
  #closing: Promise<void> | undefined;

  private constructor(options: WorkerOptions, deps: WorkerHostDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** @throws ServiceError ERR_STORE_CORRUPT, ERR_STORE_LOCKED, ERR_STORE_SCHEMA_NEWER, ERR_STORE_UNAVAILABLE */
  static async open(options: WorkerOptions, deps: WorkerHostDeps): Promise<WorkerHost> {
    const host = new WorkerHost(options, deps);
    await host.#start();
    return host;
  }

  call<K extends Operation, T>(op: K, args: Args<K>, decode: (answer: Answer<K>) => Decoded<T>): Promise<T> {
    if (this.#closing !== undefined) return Promise.reject(unavailable("the store is closed"));
    if (this.#worker === undefined) return Promise.reject(unavailable("the store's thread is being started again"));
    if (this.#pending.size >= serverLimits.storeWaitingRequests.value) {
      return Promise.reject(unavailable("too many requests wait for the store; nothing was changed"));
    }
    const { pending, promise } = makePending(op, args, decode);
    this.#nextId += 1;
    this.#pending.set(this.#nextId, pending);
    // What is asked in one turn of the event loop travels in one message.
    if (this.#outbox.length === 0) queueMicrotask(() => this.#flush());
    this.#outbox.push({ id: this.#nextId, request: pending.request });
    return promise;
  }

  async snapshot(onChunk: (chunk: SnapshotChunk) => void): Promise<RowPosition> {
    this.#nextId += 1;
    const id = this.#nextId;
    let next = this.#requestChunk(id);
    try {
      for (;;) {
        const { position, chunk } = await next;
        if (chunk === undefined) return position;
        // The thread reads the next chunk while this one is decoded.
        next = this.#requestChunk(id);
        onChunk(chunk);
      }
    } catch (error) {
      next.catch(() => {});
      this.#chunks.delete(id);
      if (this.#worker !== undefined) this.#send({ kind: "end-snapshot", id });
      throw error;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  async #stop(): Promise<void> {
    this.#restart?.cancel();
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#flush();
    const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    this.#send({ kind: "close" });
    await exited;
  }

  #start(): Promise<void> {
    const worker = new Worker(workerUrl, { workerData: this.#options, name: "store" });
    this.#deps.onThread?.(worker);
    return new Promise((resolve, reject) => {
      worker.on("message", (message: FromWorker) => {
        if (message.kind === "opened") {
          this.#worker = worker;
          this.#attempt = 0;
          resolve();
        } else if (message.kind === "not-opened") {
          reject(storeError(message.failure));
        } else {
          this.#receive(message);
        }
      });
      worker.on("error", (error) => {
        reject(unavailable("the store's thread could not start", error));
        this.#deps.logger.error(errorFields(error), "the store's thread failed");
      });
      worker.on("exit", (exitCode) => {
        reject(unavailable(`the store's thread ended with code ${exitCode}`));
        if (this.#worker === worker) this.#lost();
      });
    });
  }

  #receive(message: Exclude<FromWorker, { readonly kind: "opened" | "not-opened" }>): void {
    if (message.kind === "answers") {
      const answered = message.answers.flatMap(({ id, answer }) => {
        const pending = this.#pending.get(id);
        this.#pending.delete(id);
        return pending === undefined ? [] : [{ pending, answer }];
      });
      settleCommit(answered, this.#deps.listeners);
      return;
    }
    const waiting = this.#chunks.get(message.id);
    this.#chunks.delete(message.id);
    if (message.kind === "chunk") waiting?.resolve(message);
    else waiting?.reject(storeError(message.failure));
  }

  /** The thread is gone: whether the requests on their way were carried out is not known. */
  #lost(): void {
    this.#worker = undefined;
    this.#outbox = [];
    const lost = [...this.#pending.values(), ...this.#chunks.values()];
    this.#pending.clear();
    this.#chunks.clear();
    for (const { reject } of lost)
      reject(unavailable("the store's thread ended; it is not known what was carried out"));
    if (this.#closing === undefined) this.#scheduleRestart();
  }

  #scheduleRestart(): void {
    const { clock, random, logger } = this.#deps;
    const delay = backOffMs(this.#attempt, { initialMs: 100, capMs: serverLimits.storeRestartCapMs.value }, random);
    this.#attempt += 1;
    this.#restart = clock.setTimer(delay, () => {
      this.#start().then(
        () => {
          if (this.#closing !== undefined) {
            this.#send({ kind: "close" });
            return;
          }
          logger.warn({}, "the store's thread was started again");
          // Nothing is known to have changed, but something may have: listeners ask the feed.
          this.#deps.listeners.announce([]);
        },
        (error: unknown) => {
          logger.error(errorFields(error), "the store's thread could not be started again");
          if (this.#closing === undefined) this.#scheduleRestart();
        },
      );
    });
  }

  #flush(): void {
    if (this.#outbox.length === 0) return;
    const requests = this.#outbox;
    this.#outbox = [];
    this.#send({ kind: "requests", requests });
  }

  #requestChunk(id: number): Promise<{ readonly position: RowPosition; readonly chunk: SnapshotChunk | undefined }> {
    if (this.#worker === undefined || this.#closing !== undefined) {
      return Promise.reject(unavailable("the store is not open"));
    }
    this.#flush();
    return new Promise((resolve, reject) => {
      this.#chunks.set(id, { resolve, reject });
      this.#send({ kind: "chunk", id });
    });
  }

  #send(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }
}
