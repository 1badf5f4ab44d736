import {
  type BundleMap,
  type WatchOptions,
  WorkloadApiClient,
  type WorkloadError,
  type X509Context,
} from "../../../sdk/index.ts";
import { TestClock } from "../../../sdk/testing/index.ts";

export interface ConformanceCase {
  /** Rows of the conformance list (`WAPI-…`, `WEP-…`) that the case proves; none for hostile peers that no row speaks of. */
  readonly rows: readonly string[];
  readonly name: string;
  run(): Promise<void>;
}

export type WatchEvent<Update> =
  | { readonly kind: "update"; readonly update: Update }
  | { readonly kind: "problem"; readonly problem: WorkloadError; readonly retryInMs: number }
  | { readonly kind: "end"; readonly error: unknown };

/** All that a watch says, one after the other. */
export class Watching<Update> implements AsyncDisposable {
  readonly #abort = new AbortController();
  readonly #events: WatchEvent<Update>[] = [];
  readonly #running: Promise<void>;
  #wake: (() => void) | undefined;

  constructor(watch: (options: WatchOptions) => AsyncIterable<Update>) {
    this.#running = this.#run(watch);
  }

  async next(): Promise<WatchEvent<Update>> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async update(): Promise<Update> {
    const event = await this.next();
    if (event.kind === "update") return event.update;
    throw new Error(`expected an update`, { cause: event.kind === "problem" ? event.problem : event.error });
  }

  async problem(): Promise<{ readonly problem: WorkloadError; readonly retryInMs: number }> {
    const event = await this.next();
    if (event.kind === "problem") return event;
    throw new Error(`expected a problem, got ${event.kind}`, { cause: event });
  }

  async end(): Promise<unknown> {
    const event = await this.next();
    if (event.kind === "end") return event.error;
    throw new Error(`expected the end, got ${event.kind}`, { cause: event });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(watch: (options: WatchOptions) => AsyncIterable<Update>): Promise<void> {
    const onProblem = (problem: WorkloadError, retryInMs: number): void => {
      this.#push({ kind: "problem", problem, retryInMs });
    };
    try {
      for await (const update of watch({ signal: this.#abort.signal, onProblem }))
        this.#push({ kind: "update", update });
      this.#push({ kind: "end", error: undefined });
    } catch (error) {
      this.#push({ kind: "end", error });
    }
  }

  #push(event: WatchEvent<Update>): void {
    this.#events.push(event);
    this.#wake?.();
  }
}

/** A client whose waiting is the test's to end, without jitter. */
export class ClockedClient implements Disposable {
  readonly clock = new TestClock();
  readonly client: WorkloadApiClient;

  constructor(endpoint: string, options: { readonly connectTimeoutMs?: number } = {}) {
    const random = { bytes: (length: number) => new Uint8Array(length), float: () => 1 };
    this.client = WorkloadApiClient.create({ endpoint, clock: this.clock, random, ...options });
  }

  x509(): Watching<X509Context> {
    return new Watching((options) => this.client.watchX509Context(options));
  }

  x509Bundles(): Watching<BundleMap> {
    return new Watching((options) => this.client.watchX509Bundles(options));
  }

  jwtBundles(): Watching<BundleMap> {
    return new Watching((options) => this.client.watchJwtBundles(options));
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}
