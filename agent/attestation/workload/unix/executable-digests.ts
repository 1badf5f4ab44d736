import { type BigIntStats, closeSync, fstatSync, openSync, statSync } from "node:fs";
import type { Clock } from "../../../../runtime/core/index.ts";
import { workloadAttestationErrors } from "../errors.ts";
import type { HashThread } from "./hash-thread.ts";

export interface ExecutableDigestOptions {
  /** A larger executable is refused. */
  readonly maxBytes: number;
  /** Digests kept. */
  readonly capacity: number;
  /** Executables being hashed or waiting for it; each holds a descriptor. */
  readonly maxRunning: number;
}

/** A file changed less than this ago may change again within one tick of the file system's clock: do not remember it. */
const settledAfterMs = 2_000;

/**
 * SHA-256 of running executables, remembered by device, inode, size, mtime and ctime: none of which says the same of
 * other content, as ctime cannot be set. What is hashed is the file the process runs (through /proc/PID/exe), not
 * what its path names now.
 */
export class ExecutableDigests {
  readonly #thread: Pick<HashThread, "hash">;
  readonly #options: ExecutableDigestOptions;
  readonly #clock: Clock;
  readonly #known = new Map<string, string>();
  readonly #running = new Map<string, Promise<string>>();

  constructor(thread: Pick<HashThread, "hash">, options: ExecutableDigestOptions, clock: Clock) {
    this.#thread = thread;
    this.#options = options;
    this.#clock = clock;
  }

  /**
   * Hex digest of the file behind `link`; at once when it is known. Callers that ask for one file share one run.
   * @throws an errno error when the file may not be read, ServiceError ERR_EXECUTABLE_TOO_LARGE
   */
  digestOf(link: string): string | Promise<string> {
    const key = keyOf(statSync(link, { bigint: true }));
    const known = this.#known.get(key);
    if (known === undefined) return this.#running.get(key) ?? this.#start(link);
    // Used again: the last to be forgotten.
    this.#known.delete(key);
    this.#known.set(key, known);
    return known;
  }

  #start(link: string): Promise<string> {
    if (this.#running.size >= this.#options.maxRunning) {
      throw workloadAttestationErrors.error("ERR_ATTESTATION_FAILED", "too many executables are waiting to be hashed");
    }
    const fd = openSync(link, "r");
    let key: string;
    let run: Promise<string>;
    try {
      const stats = fstatSync(fd, { bigint: true });
      key = keyOf(stats);
      run = this.#hash(fd, key, stats);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    const shared = run.finally(() => {
      this.#running.delete(key);
      closeSync(fd);
    });
    this.#running.set(key, shared);
    return shared;
  }

  async #hash(fd: number, key: string, stats: BigIntStats): Promise<string> {
    if (stats.size > BigInt(this.#options.maxBytes)) {
      throw workloadAttestationErrors.error(
        "ERR_EXECUTABLE_TOO_LARGE",
        `executable is larger than the limit of ${this.#options.maxBytes} bytes`,
      );
    }
    const digest = await this.#thread.hash(fd, Number(stats.size));
    if (keyOf(fstatSync(fd, { bigint: true })) !== key) {
      throw workloadAttestationErrors.error("ERR_ATTESTATION_FAILED", "the executable changed while it was read");
    }
    if (this.#isSettled(stats)) this.#remember(key, digest);
    return digest;
  }

  #isSettled(stats: BigIntStats): boolean {
    return Math.abs(this.#clock.now() - Number(stats.ctimeMs)) > settledAfterMs;
  }

  #remember(key: string, digest: string): void {
    this.#known.set(key, digest);
    if (this.#known.size <= this.#options.capacity) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}

function keyOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
}
