import type { Position } from "../../proto/domain/link.ts";
import { backOffMs, type Clock, errorFields, type Logger, type Random, type Timer } from "../../runtime/core/index.ts";
import { serverLimits } from "../limits.ts";
import type { Change, Feed, FeedItem } from "../store/ports.ts";

export interface FeedFollowerDeps {
  readonly feed: Feed;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** What follows the feed. */
export interface FeedTarget {
  readonly position: Position;
  /** Changes in order; afterwards the target is at `position`. */
  apply(changes: readonly Change[], position: Position): void;
  /** First load: items of a state that nobody has seen yet. */
  fill(items: readonly FeedItem[]): void;
  /** First load is over. */
  filled(position: Position): void;
  /** Another history, or too far behind: become exactly `items`. */
  replace(items: readonly FeedItem[], position: Position): void;
}

/**
 * Brings the feed to a target, in order and without a gap, whoever wrote. Own commits arrive as they are made; when one
 * does not connect to what was applied, the feed is asked from there. A source that is behind is never believed.
 */
export class FeedFollower {
  readonly #deps: FeedFollowerDeps;
  readonly #target: FeedTarget;
  #stop: () => void = () => {};
  #catchingUp: Promise<void> | undefined;
  #again = false;
  #retry: Timer | undefined;
  #attempt = 0;

  constructor(deps: FeedFollowerDeps, target: FeedTarget) {
    this.#deps = deps;
    this.#target = target;
  }

  /** Loads everything and stays with it. Rejects as the feed does. */
  async start(): Promise<void> {
    const loading = Promise.withResolvers<void>();
    // Commits during the load are fetched after it.
    this.#catchingUp = loading.promise;
    this.#stop = this.#deps.feed.onChanges((changes) => this.#receive(changes));
    try {
      this.#target.filled(await this.#deps.feed.snapshot((items) => this.#target.fill(items)));
    } catch (error) {
      this.close();
      throw error;
    } finally {
      this.#catchingUp = undefined;
      loading.resolve();
    }
    if (this.#again) await this.catchUp();
  }

  /** Asks the feed for what is new; for who was shown a position ahead of ours. Rejects as the feed does. */
  catchUp(): Promise<void> {
    this.#again = true;
    this.#catchingUp ??= this.#catchUp().finally(() => {
      this.#catchingUp = undefined;
    });
    return this.#catchingUp;
  }

  close(): void {
    this.#stop();
    this.#retry?.cancel();
  }

  #receive(changes: readonly Change[]): void {
    const { position } = this.#target;
    if (this.#catchingUp === undefined && changes.length > 0 && follows(changes, position.n)) {
      const last = changes.at(-1)?.n ?? position.n;
      this.#target.apply(changes, { epoch: position.epoch, n: last });
      return;
    }
    if (changes.length > 0 && changes.every(({ n }) => n <= position.n)) return;
    if (this.#catchingUp !== undefined) this.#again = true;
    else this.#catchUpInBackground();
  }

  #catchUpInBackground(): void {
    this.#retry?.cancel();
    this.catchUp().then(
      () => {
        this.#attempt = 0;
      },
      (error: unknown) => {
        const { clock, random, logger } = this.#deps;
        logger.warn(errorFields(error), "the change feed cannot be read; memory stays as it is");
        const options = { initialMs: 100, capMs: serverLimits.registryRetryCapMs.value };
        const delay = backOffMs(this.#attempt, options, random);
        this.#attempt += 1;
        this.#retry = clock.setTimer(delay, () => this.#catchUpInBackground());
      },
    );
  }

  async #catchUp(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      for (let more = true; more; ) more = await this.#nextPage();
    }
  }

  /** True when there is more to ask for. */
  async #nextPage(): Promise<boolean> {
    const limit = serverLimits.storeFeedPage.value;
    const { epoch, n } = this.#target.position;
    const page = await this.#deps.feed.changesAfter(n, limit);
    if (page.head.epoch !== epoch) return this.#reload();
    if (page.head.n < n) {
      this.#refuse(page.head);
      return false;
    }
    if (page.kind === "horizon") return this.#reload();
    const isLast = page.changes.length < limit;
    const last = page.changes.at(-1)?.n ?? n;
    this.#target.apply(page.changes, { epoch, n: isLast ? page.head.n : last });
    return !isLast;
  }

  async #reload(): Promise<boolean> {
    const items: FeedItem[] = [];
    const position = await this.#deps.feed.snapshot((chunk) => {
      for (const item of chunk) items.push(item);
    });
    const own = this.#target.position;
    if (position.epoch === own.epoch && position.n < own.n) {
      this.#refuse(position);
      return false;
    }
    this.#deps.logger.warn({ from: own, to: position }, "memory was loaded again from a snapshot");
    this.#target.replace(items, position);
    return true;
  }

  #refuse(head: Position): void {
    const own = this.#target.position;
    this.#deps.logger.error({ own: own.n, source: head.n }, "the store is behind memory; it is not believed");
  }
}

/** The first change is the next one, and none is missing between the others. */
function follows(changes: readonly Change[], n: number): boolean {
  return changes.every((change, index) => change.n === n + index + 1);
}
