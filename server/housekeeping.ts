import { type Clock, errorFields, type Logger } from "../runtime/core/index.ts";
import type { TrustDomain } from "../spiffe/index.ts";
import { expiredEdits } from "./authority/bundle-over.ts";
import type { PruneNodesConfig } from "./config/index.ts";
import { serverLimits } from "./limits.ts";
import type { Registry } from "./registry/ports.ts";
import type { AuthorityStore, BundleStore, EntryStore, Feed, JoinTokenStore, NodeStore } from "./store/ports.ts";

export interface HousekeepingDeps {
  readonly store: Pick<EntryStore, "deleteExpiredEntries"> &
    Pick<JoinTokenStore, "deleteExpiredJoinTokens"> &
    Pick<NodeStore, "deleteNode"> &
    Pick<Feed, "compact"> &
    Pick<AuthorityStore, "commitAuthorities" | "listAuthorities"> &
    BundleStore;
  readonly trustDomain: TrustDomain;
  readonly registry: Pick<Registry, "nodes">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `undefined` = nodes stay until somebody evicts them. */
  readonly pruneNodes: PruneNodesConfig | undefined;
}

const everyMs = 300_000;
const nodesEveryRounds = 12;

/**
 * Removes what is over: rows only. What an expiry means takes effect at its second, wherever it matters; this is so that
 * the store does not grow. A failure is logged and tried again in the next round.
 */
export class Housekeeping {
  readonly #deps: HousekeepingDeps;

  constructor(deps: HousekeepingDeps) {
    this.#deps = deps;
  }

  /** Runs until aborted. For a task group. */
  async run(signal: AbortSignal): Promise<void> {
    for (let round = 0; !signal.aborted; round += 1) {
      await this.sweep(round % nodesEveryRounds === 0);
      try {
        await this.#deps.clock.sleep(everyMs, { signal });
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    }
  }

  /** Never rejects. `withNodes`: also what is looked at once an hour. */
  async sweep(withNodes: boolean): Promise<void> {
    const { store, clock } = this.#deps;
    const nowSeconds = Math.floor(clock.now() / 1000);
    await this.#attempt("expired entries", () => store.deleteExpiredEntries(nowSeconds));
    await this.#attempt("expired join tokens", () => store.deleteExpiredJoinTokens(nowSeconds));
    await this.#attempt("expired authorities", () => this.#pruneBundle(nowSeconds));
    if (!withNodes) return;
    await this.#attempt("expired agents", () => this.#pruneNodes());
    await this.#attempt("tombstones", async () => {
      await store.compact(clock.now() - serverLimits.feedTombstoneMs.value);
      return 0;
    });
  }

  async #pruneBundle(nowSeconds: number): Promise<number> {
    const { trustDomain, store } = this.#deps;
    const bundle = await store.findBundle(trustDomain);
    if (bundle === undefined) return 0;
    const bundleEdits = expiredEdits(bundle, await store.listAuthorities(), nowSeconds);
    if (bundleEdits.length > 0) await store.commitAuthorities({ put: [], remove: [], bundleEdits });
    return bundleEdits.length;
  }

  async #pruneNodes(): Promise<number> {
    const { pruneNodes, registry, store, clock } = this.#deps;
    if (pruneNodes === undefined) return 0;
    const expiredBefore = (clock.now() - pruneNodes.expiredForMs) / 1000;
    let pruned = 0;
    for (const node of [...registry.nodes()]) {
      // A ban is a decision; time does not lift it.
      if (node.banned || node.expiresAt >= expiredBefore || node.pendingExpiresAt >= expiredBefore) continue;
      if (!node.canReattest && !pruneNodes.includeOneTime) continue;
      if (await store.deleteNode(node.id)) pruned += 1;
      if (pruned >= pruneNodes.batchSize) break;
    }
    return pruned;
  }

  async #attempt(what: string, task: () => Promise<number>): Promise<void> {
    const { logger } = this.#deps;
    try {
      const removed = await task();
      if (removed > 0) logger.info({ what, removed }, "removed what was over");
    } catch (error) {
      logger.warn({ what, ...errorFields(error) }, "could not remove what was over, will try again");
    }
  }
}
