import { Worker } from "node:worker_threads";
import type { Clock, Timer } from "../../../../runtime/core/index.ts";

export interface HashJob {
  readonly id: number;
  readonly fd: number;
  readonly size: number;
}

export type HashResult =
  | { readonly id: number; readonly kind: "hashed"; readonly hex: string }
  | { readonly id: number; readonly kind: "failed"; readonly reason: string };

interface Waiting {
  readonly resolve: (hex: string) => void;
  readonly reject: (error: Error) => void;
}

const idleMs = 30_000;
// The compiled worker is JavaScript; from source it is TypeScript.
const workerUrl = new URL(import.meta.url.endsWith(".ts") ? "./hash-worker.ts" : "./hash-worker.js", import.meta.url);

/**
 * SHA-256 off the event loop: hashing a large binary takes a tenth of a second. One thread, started at the first job
 * and ended after 30 s without one; jobs run in order.
 */
export class HashThread implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #idle: Timer | undefined;
  #nextId = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Hex digest of the first and only `size` bytes behind `fd`, which stays open and belongs to the caller. */
  hash(fd: number, size: number): Promise<string> {
    const worker = this.#started();
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      const job: HashJob = { id, fd, size };
      worker.postMessage(job);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const worker = this.#worker;
    this.#lost(worker, new Error("the hashing thread was stopped"));
    await worker?.terminate();
  }

  #started(): Worker {
    this.#idle?.cancel();
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(workerUrl);
    worker.unref();
    worker.on("message", (result: HashResult) => this.#settle(result));
    worker.on("error", (error: Error) => this.#lost(worker, error));
    worker.on("exit", () => this.#lost(worker, new Error("the hashing thread ended")));
    this.#worker = worker;
    return worker;
  }

  #settle(result: HashResult): void {
    const waiting = this.#waiting.get(result.id);
    this.#waiting.delete(result.id);
    if (result.kind === "hashed") waiting?.resolve(result.hex);
    else waiting?.reject(new Error(result.reason));
    if (this.#waiting.size === 0) this.#idle = this.#clock.setTimer(idleMs, () => this.#stopIdle());
  }

  #stopIdle(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    // Nobody waits for it; its end is of no consequence.
    worker?.terminate().catch(() => {});
  }

  #lost(worker: Worker | undefined, error: Error): void {
    if (worker !== this.#worker) return;
    this.#idle?.cancel();
    this.#worker = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
  }
}
