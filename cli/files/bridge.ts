import { backOffMs, type Clock, errorFields, type Logger, type Random, type Timer } from "../../runtime/core/index.ts";
import type { FilesConfig } from "./config/files-config.ts";
import { filesOf, type Identities, type OutputFile } from "./content.ts";
import type { Layout } from "./layout/layout.ts";
import type { Tell } from "./tell/tell.ts";

/** What files are made of, and what of it is missing. */
export interface Feed {
  readonly identities: Identities;
  readonly missing: readonly string[];
}

export interface BridgeOptions {
  readonly config: FilesConfig;
  readonly feed: () => Feed;
  readonly layout: Layout;
  readonly tell: Tell;
  /** Once: everything configured is there, and the program has not been told yet. */
  readonly onReady?: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const backOff = { initialMs: 500, capMs: 30_000, factor: 2, jitter: 0.2 };

/**
 * Keeps the files as the Workload API says. One write is under way at a time; whatever came meanwhile is written in one next
 * round. The program is told once everything configured is there, and then of each change it is to be told of.
 */
export class FilesBridge {
  readonly #options: BridgeOptions;
  readonly #written = new Map<string, OutputFile>();
  readonly #untold = new Set<string>();
  #wake = Promise.withResolvers<void>();
  #timer: Timer | undefined;
  #failures = 0;
  #failure: unknown;
  #isComplete = false;
  /** Of parts that had expired at the last write. */
  #expired: ReadonlySet<string> = new Set();

  constructor(options: BridgeOptions) {
    this.#options = options;
  }

  /** There is something new. */
  update(): void {
    this.#wake.resolve();
  }

  /** Writes everything again and tells the program. */
  rewrite(): void {
    this.#written.clear();
    this.update();
  }

  /** Everything configured has been written. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Why the last write failed, if it did. */
  get failure(): unknown {
    return this.#failure;
  }

  has(fileName: string): boolean {
    return this.#written.has(fileName);
  }

  /** Writes until the signal; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const end = (): void => this.#wake.resolve();
    signal.addEventListener("abort", end);
    while (!signal.aborted) {
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
      if (!signal.aborted) await this.#round();
    }
    this.#timer?.cancel();
  }

  /** Names of all files there are now. @throws what the file system said */
  async write(): Promise<readonly string[]> {
    const { feed, config, layout, clock, logger } = this.#options;
    const { identities, missing } = feed();
    const files = filesOf(identities, config, clock.now());
    const names = new Set(files.map(({ name }) => name));
    const changed = files.filter(({ name, content }) => this.#written.get(name)?.content !== content);
    const gone = [...this.#written.values()].filter(({ name }) => !names.has(name));
    if (changed.length > 0 || gone.length > 0) {
      await layout.write({ files, changed, gone: gone.map(({ name }) => name) });
      for (const file of changed) this.#written.set(file.name, file);
      for (const { name } of gone) this.#written.delete(name);
      const all = [...changed, ...gone];
      for (const { name, kind } of all) if (config.notifyOn === "any" || kind === "x509") this.#untold.add(name);
      logger.info(
        { files: all.map(({ name }) => name) },
        gone.length > 0 ? "files written and removed" : "files written",
      );
    }
    this.#sayExpired(identities);
    if (missing.length === 0) this.#complete();
    return [...names];
  }

  async #round(): Promise<void> {
    const { clock, random, logger } = this.#options;
    this.#timer?.cancel();
    try {
      await this.write();
      this.#failures = 0;
      this.#failure = undefined;
      this.#wakeAtExpiry();
    } catch (error) {
      const delayMs = backOffMs(this.#failures, backOff, random);
      this.#failures += 1;
      this.#failure = error;
      logger.error({ ...errorFields(error), retry_in_ms: delayMs }, "files could not be written; the old ones stay");
      this.#timer = clock.setTimer(delayMs, () => this.update());
    }
  }

  #complete(): void {
    const { config, tell, logger, onReady } = this.#options;
    if (!this.#isComplete) {
      logger.info({ folder: config.folder }, "ready");
      onReady?.();
    }
    this.#isComplete = true;
    if (this.#untold.size === 0) return;
    tell.changed([...this.#untold]);
    this.#untold.clear();
  }

  #wakeAtExpiry(): void {
    const { feed, clock } = this.#options;
    const nowMs = clock.now();
    const ends = endsOf(feed().identities).filter(({ atMs }) => atMs > nowMs);
    if (ends.length === 0) return;
    this.#timer = clock.setTimer(Math.min(...ends.map(({ atMs }) => atMs)) - nowMs, () => this.update());
  }

  #sayExpired(identities: Identities): void {
    const { config, clock, logger } = this.#options;
    const nowMs = clock.now();
    const over = endsOf(identities).filter(({ atMs }) => atMs <= nowMs);
    const what = config.removesExpired ? "its files are removed" : "its files are of no use any more";
    for (const { part } of over)
      if (!this.#expired.has(part)) logger.error({ part }, `expired without renewal; ${what}`);
    this.#expired = new Set(over.map(({ part }) => part));
  }
}

interface End {
  readonly part: string;
  readonly atMs: number;
}

/** When what is written stops being valid. */
export function endsOf({ x509, jwtSvids }: Identities): readonly End[] {
  const svid = x509 === undefined ? [] : [{ part: "X509-SVID", atMs: x509.svid.notAfter }];
  return [...svid, ...[...jwtSvids].map(([part, { expiresAt }]) => ({ part, atMs: expiresAt * 1000 }))];
}
