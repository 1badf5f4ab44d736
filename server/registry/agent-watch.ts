import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { Position } from "../../proto/domain/link.ts";
import type { EntryDelta } from "./ports.ts";

type Listener = (delta: EntryDelta) => void;

/** One watched agent: which parents' children it may serve, and what is being found out about one batch of changes. */
export class AgentWatch {
  readonly agentId: string;
  readonly listeners = new Set<Listener>();
  roots: ReadonlySet<string> = new Set();
  reach: ReadonlySet<string> = new Set();
  readonly #had = new Set<string>();
  readonly #has = new Map<string, RegistrationEntry>();

  constructor(agentId: string) {
    this.agentId = agentId;
  }

  /** Before the batch the agent had this entry. */
  had(entryId: string): void {
    this.#had.add(entryId);
  }

  /** After the batch the agent has this entry, which is new to it or changed. */
  has(entry: RegistrationEntry): void {
    this.#has.set(entry.id, entry);
  }

  /** What the batch came to; `undefined` when it came to nothing. Starts the next batch. */
  takeDelta(position: Position): EntryDelta | undefined {
    if (this.#had.size === 0 && this.#has.size === 0) return undefined;
    const upserted = [...this.#has.values()];
    const removed = [...this.#had].filter((id) => !this.#has.has(id));
    this.#had.clear();
    this.#has.clear();
    return { position, upserted, removed };
  }
}
