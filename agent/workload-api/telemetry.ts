import type { Clock, Counter, Gauge, Logger, Metrics } from "../../runtime/core/index.ts";
import type { Selector } from "../../spiffe/index.ts";
import type { RpcContext, ServiceError } from "../../transport/index.ts";
import type { WorkloadCaller } from "../ports.ts";

const sameRefusalEveryMs = 1_000;
const rememberedRefusals = 1_024;

/** What the Workload API reports. The log is the admin's: it has the selectors that the caller is not told. */
export class WorkloadApiTelemetry {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #answered: Counter;
  readonly #refused: Counter;
  readonly #running: Gauge;
  readonly #held: Gauge;
  readonly #lastLogged = new Map<string, number>();

  constructor(logger: Logger, metrics: Metrics, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
    this.#answered = metrics.counter({
      name: "countersign_agent_workload_responses_total",
      help: "Messages sent to workloads, by method.",
      labels: ["method"],
    });
    this.#refused = metrics.counter({
      name: "countersign_agent_workload_refusals_total",
      help: "Workload API calls that ended with an error, by method and code.",
      labels: ["method", "code"],
    });
    this.#running = metrics.gauge({
      name: "countersign_agent_workload_calls",
      help: "Workload API calls being served, streams included.",
    });
    this.#held = metrics.gauge({
      name: "countersign_agent_workload_held",
      help: "Callers without identity that wait for one.",
    });
  }

  answered(context: RpcContext): void {
    this.#answered.add(1, context.method);
  }

  running(calls: number, held: number): void {
    this.#running.set(calls);
    this.#held.set(held);
  }

  /** One line a second per uid and code: a crash loop without an entry must not fill the disk. */
  refused(context: RpcContext, caller: WorkloadCaller, selectors: readonly Selector[], error: ServiceError): void {
    this.#refused.add(1, context.method, error.code);
    if (!this.#isDue(`${caller.uid} ${error.code}`)) return;
    this.#logger.info(
      {
        request_id: context.requestId,
        method: context.method,
        code: error.code,
        pid: caller.pid,
        uid: caller.uid,
        selectors: selectors.map(String),
      },
      "workload refused",
    );
  }

  #isDue(key: string): boolean {
    const now = this.#clock.monotonic();
    const last = this.#lastLogged.get(key);
    if (last !== undefined && now - last < sameRefusalEveryMs) return false;
    if (this.#lastLogged.size >= rememberedRefusals) this.#lastLogged.clear();
    this.#lastLogged.set(key, now);
    return true;
  }
}
