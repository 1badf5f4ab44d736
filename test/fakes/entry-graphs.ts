import type { AttestedNode } from "../../proto/domain/agent.ts";
import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import { type Random, uuidV7 } from "../../runtime/core/index.ts";
import type { FeedItem } from "../../server/store/ports.ts";
import { Selector, SpiffeId, sortSelectors } from "../../spiffe/index.ts";
import { agentId, entryItem, entryOf, exampleTrustDomain, nodeItem, nodeOf } from "./server-values.ts";

export const serverId = SpiffeId.of(exampleTrustDomain, "/spire/server");

/**
 * The authorised set once more, the slow and obvious way: go over all entries again and again until nothing is added.
 */
export function naiveAuthorizedSet(
  entries: readonly RegistrationEntry[],
  agent: SpiffeId,
  node: AttestedNode | undefined,
  nowSeconds: number,
): ReadonlyMap<string, RegistrationEntry> {
  const live = entries.filter(({ expiresAt }) => expiresAt === 0 || nowSeconds < expiresAt);
  const has = (selector: Selector): boolean => node?.selectors.some((own) => own.equals(selector)) === true;
  const parents = new Set([agent.toString()]);
  for (const entry of live) {
    if (entry.parentId.equals(serverId) && entry.selectors.every(has)) parents.add(entry.spiffeId.toString());
  }
  const found = new Map<string, RegistrationEntry>();
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const entry of live) {
      if (!parents.has(entry.parentId.toString())) continue;
      found.set(entry.id, entry);
      parents.add(entry.spiffeId.toString());
    }
  }
  return found;
}

export interface GraphOptions {
  readonly random: Random;
  readonly agents: number;
  /** Ids that entries hang on and lead to; few make cycles and shared parents likely. */
  readonly hubs: number;
  readonly nowSeconds: number;
}

/** Draws changes of a dense little world: aliases, chains, cycles, shared parents, expiry, deletions, node changes. */
export class GraphChanges {
  readonly #options: GraphOptions;
  readonly #ids: string[] = [];

  constructor(options: GraphOptions) {
    this.#options = options;
  }

  agent(index: number): SpiffeId {
    return agentId(`agent-${index}`);
  }

  /** `nowSeconds` moves; expiries lie around it. */
  draw(nowSeconds: number): FeedItem {
    const kind = this.#options.random.float();
    if (kind < 0.1) return this.#node();
    if (kind < 0.3 && this.#ids.length > 0) return { type: "entry", key: this.#pick(this.#ids), value: undefined };
    return entryItem(
      this.#entry(nowSeconds, kind < 0.6 && this.#ids.length > 0 ? this.#pick(this.#ids) : this.#newId()),
    );
  }

  #entry(nowSeconds: number, id: string): RegistrationEntry {
    const place = this.#below(10);
    const hub = (): SpiffeId => SpiffeId.of(exampleTrustDomain, `/hub/${this.#below(this.#options.hubs)}`);
    return entryOf("x", "x", {
      id,
      parentId: place < 2 ? serverId : place < 6 ? this.agent(this.#below(this.#options.agents)) : hub(),
      spiffeId: this.#below(10) < 6 ? hub() : SpiffeId.of(exampleTrustDomain, `/leaf/${this.#below(1_000_000)}`),
      selectors: this.#selectors(1),
      downstream: this.#below(6) === 0,
      admin: this.#below(6) === 0,
      expiresAt: this.#below(5) === 0 ? nowSeconds - 2 + this.#below(20) : 0,
      revisionNumber: this.#below(1_000_000),
      createdAt: this.#below(100),
    });
  }

  #node(): FeedItem {
    const name = `agent-${this.#below(this.#options.agents)}`;
    if (this.#below(5) === 0) return { type: "node", key: agentId(name).toString(), value: undefined };
    return nodeItem(nodeOf(name, { selectors: this.#selectors(0) }));
  }

  #selectors(atLeast: number): readonly Selector[] {
    const count = atLeast + this.#below(3);
    return sortSelectors(Array.from({ length: count }, () => Selector.of("node", String(this.#below(4)))));
  }

  #newId(): string {
    const id = uuidV7(this.#options.nowSeconds * 1000, this.#options.random);
    this.#ids.push(id);
    return id;
  }

  #below(limit: number): number {
    return Math.floor(this.#options.random.float() * limit);
  }

  #pick<T>(values: readonly T[]): T {
    const value = values[this.#below(values.length)];
    if (value === undefined) throw new RangeError("nothing to pick from");
    return value;
  }
}
