import type { Position, SyncStatus } from "../../proto/domain/link.ts";
import type { Clock } from "../../runtime/core/index.ts";
import type { SpiffeId } from "../../spiffe/index.ts";
import { serverErrors } from "../errors.ts";
import { serverLimits } from "../limits.ts";
import type { Registry } from "../registry/ports.ts";
import type { OpenSession } from "./open-session.ts";

export interface AgentConnection {
  readonly agentId: SpiffeId;
  readonly connected: boolean;
  /** Unix seconds; 0 when this server has not seen it. */
  readonly lastSeen: number;
  /** How far the agent is known to be: the head when nothing it should have is outstanding. */
  readonly acknowledged: Position | undefined;
  readonly head: Position;
  readonly agentVersion: string;
  readonly status: SyncStatus | undefined;
}

interface Known {
  readonly agentId: SpiffeId;
  session: OpenSession | undefined;
  lastSeenMs: number;
  acknowledged: Position | undefined;
  agentVersion: string;
  status: SyncStatus | undefined;
}

export interface ConnectionTableDeps {
  readonly registry: Pick<Registry, "node" | "nodes" | "position" | "onApplied">;
  readonly clock: Clock;
}

/** What this server knows of each agent's stream. As many rows as there are nodes, at most. */
export class ConnectionTable {
  readonly #deps: ConnectionTableDeps;
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Set<() => void>();
  readonly #unsubscribe: () => void;

  constructor(deps: ConnectionTableDeps) {
    this.#deps = deps;
    this.#unsubscribe = deps.registry.onApplied((changes) => {
      for (const change of changes) {
        if (change.type === "node" && change.value === undefined) this.#known.delete(change.key);
      }
    });
  }

  /** The session is now the agent's; an earlier one of the same agent is ended. */
  takeOver(session: OpenSession, agentVersion: string): void {
    const key = session.agentId.toString();
    const known = this.#known.get(key);
    const before = known?.session;
    this.#known.set(key, {
      agentId: session.agentId,
      session,
      lastSeenMs: this.#deps.clock.now(),
      acknowledged: session.acknowledged,
      agentVersion,
      status: known?.status,
    });
    if (before !== undefined && before !== session) {
      before.end(serverErrors.error("ERR_SYNC_REPLACED", `a newer stream of ${session.agentId} took over`));
    }
    this.#tell();
  }

  heard(session: OpenSession, status?: SyncStatus): void {
    const known = this.#known.get(session.agentId.toString());
    if (known?.session !== session) return;
    known.lastSeenMs = this.#deps.clock.now();
    known.acknowledged = session.acknowledged;
    if (status === undefined) this.#tell();
    else known.status = status;
  }

  release(session: OpenSession): void {
    const known = this.#known.get(session.agentId.toString());
    if (known?.session !== session) return;
    known.session = undefined;
    known.lastSeenMs = this.#deps.clock.now();
    this.#tell();
  }

  session(agentId: SpiffeId): OpenSession | undefined {
    return this.#known.get(agentId.toString())?.session;
  }

  /** Has been on our stream since this server started. */
  hasSynced(agentId: SpiffeId): boolean {
    return this.#known.has(agentId.toString());
  }

  /** Over how long agents spread the replacing of SVIDs, so that this server keeps up with them; milliseconds. */
  replacementSpreadMs(): number {
    let svids = 0;
    for (const { session, status } of this.#known.values()) if (session) svids += 1 + (status?.x509Svids ?? 0);
    const { replacementsPerSecond, replacementSpreadMs } = serverLimits;
    return Math.min(replacementSpreadMs.value, Math.floor((svids * 1000) / replacementsPerSecond.value));
  }

  *sessions(): Generator<OpenSession> {
    for (const { session } of this.#known.values()) if (session !== undefined) yield session;
  }

  /** Called when a stream begins, acknowledges or ends. Returns the unsubscriber. */
  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Every attested node, connected or not. */
  list(): readonly AgentConnection[] {
    const head = this.#deps.registry.position;
    return Array.from(this.#deps.registry.nodes(), (node): AgentConnection => {
      const known = this.#known.get(node.id.toString());
      const session = known?.session;
      return {
        agentId: node.id,
        connected: session !== undefined,
        lastSeen: Math.floor((known?.lastSeenMs ?? 0) / 1000),
        acknowledged: session?.isUpToDate === true ? head : known?.acknowledged,
        head,
        agentVersion: known?.agentVersion ?? node.agentVersion,
        status: known?.status,
      };
    });
  }

  close(): void {
    this.#unsubscribe();
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
