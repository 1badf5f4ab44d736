import type { Clock } from "../../runtime/core/index.ts";
import type { Registry } from "../registry/ports.ts";
import type { SvidCaller } from "./caller.ts";

export interface AgentSighting {
  /** Lower-case hex subject key id of the trust anchor that the agent's SVID was verified under. */
  readonly authorityId: string;
  /** Unix ms of the last call. */
  readonly seenMs: number;
}

/** When each attested agent last called this server, and under which authority. As many rows as there are nodes, at most. */
export class AgentSightings {
  readonly #clock: Clock;
  readonly #last = new Map<string, AgentSighting>();
  readonly #unsubscribe: () => void;

  constructor({ registry, clock }: { readonly registry: Pick<Registry, "onApplied">; readonly clock: Clock }) {
    this.#clock = clock;
    this.#unsubscribe = registry.onApplied((changes) => {
      for (const { type, key, value } of changes) if (type === "node" && value === undefined) this.#last.delete(key);
    });
  }

  /** The agent was let in. */
  saw({ id, authorityId }: SvidCaller): void {
    this.#last.set(id.toString(), { authorityId, seenMs: this.#clock.now() });
  }

  of(agentId: string): AgentSighting | undefined {
    return this.#last.get(agentId);
  }

  close(): void {
    this.#unsubscribe();
  }
}
