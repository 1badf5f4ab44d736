import type { Metrics } from "../../runtime/core/index.ts";

/** What the server counts. Labels are few and always present; nothing is labelled by agent, entry or SPIFFE ID. */
export class ServerMetrics {
  readonly #calls;
  readonly #seconds;
  readonly #issued;
  readonly #refused;
  readonly #audited;
  readonly #synced;
  readonly #agentExpiry;
  readonly #agents;
  readonly #entries;
  readonly #connected;
  readonly #lag;
  readonly #queue;
  readonly #stall;

  constructor(metrics: Metrics) {
    const prefix = "countersign_server";
    this.#calls = metrics.counter({
      name: `${prefix}_calls_total`,
      help: "Calls finished, by method and code.",
      labels: ["method", "code"],
    });
    this.#seconds = metrics.histogram({
      name: `${prefix}_call_seconds`,
      help: "Duration of unary calls.",
      labels: ["method"],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    });
    this.#issued = metrics.counter({
      name: `${prefix}_issued_total`,
      help: "SVIDs issued, by kind.",
      labels: ["kind"],
    });
    this.#refused = metrics.counter({
      name: `${prefix}_refused_total`,
      help: "Calls and items of batches refused, by code.",
      labels: ["code"],
    });
    this.#audited = metrics.counter({ name: `${prefix}_audit_records_total`, help: "Audit records, items included." });
    this.#synced = metrics.counter({
      name: `${prefix}_sync_started_total`,
      help: "Sync streams that reached their start, by how.",
      labels: ["kind"],
    });
    this.#agentExpiry = metrics.gauge({
      name: `${prefix}_agent_expiry_seconds`,
      help: "Unix time at which the first of the connected agents' SVIDs ends; 0 when none is connected.",
    });
    this.#agents = metrics.gauge({ name: `${prefix}_agents`, help: "Attested nodes." });
    this.#entries = metrics.gauge({ name: `${prefix}_entries`, help: "Registration entries." });
    this.#connected = metrics.gauge({ name: `${prefix}_connected_agents`, help: "Agents with an open sync stream." });
    this.#lag = metrics.gauge({
      name: `${prefix}_acknowledged_lag`,
      help: "Largest distance of a connected agent's acknowledgement from the newest change that concerns it.",
    });
    this.#queue = metrics.gauge({
      name: `${prefix}_queue_depth`,
      help: "What waits, by queue.",
      labels: ["queue"],
    });
    this.#stall = metrics.gauge({
      name: `${prefix}_event_loop_stall_seconds`,
      help: "Longest stall of the event loop since the last scrape.",
    });
  }

  called(method: string, code: string, seconds: number | undefined): void {
    this.#calls.add(1, method, code);
    if (seconds !== undefined) this.#seconds.observe(seconds, method);
  }

  issued(kind: "x509" | "jwt" | "agent" | "ca", count: number): void {
    if (count > 0) this.#issued.add(count, kind);
  }

  refused(code: string): void {
    this.#refused.add(1, code);
  }

  audited(count: number): void {
    this.#audited.add(count);
  }

  synced(kind: "snapshot" | "resumed"): void {
    this.#synced.add(1, kind);
  }

  fleet(fleet: {
    readonly agents: number;
    readonly entries: number;
    readonly connected: number;
    readonly lag: number;
    readonly firstAgentExpiry: number;
  }): void {
    this.#agents.set(fleet.agents);
    this.#entries.set(fleet.entries);
    this.#connected.set(fleet.connected);
    this.#lag.set(fleet.lag);
    this.#agentExpiry.set(fleet.firstAgentExpiry);
  }

  queueDepth(queue: string, depth: number): void {
    this.#queue.set(depth, queue);
  }

  eventLoopStall(seconds: number): void {
    this.#stall.set(seconds);
  }
}
