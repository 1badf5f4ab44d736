import type { Timer } from "../../runtime/core/index.ts";
import type { RpcContext, ServiceError } from "../../transport/index.ts";
import { workloadAttestationErrors } from "../attestation/workload/index.ts";
import { agentErrors } from "../errors.ts";
import { agentLimits } from "../limits.ts";
import type { WorkloadApiTelemetry } from "./telemetry.ts";
import { type CallResources, WorkloadCall } from "./workload-call.ts";

/** All calls being served: ended together at a stop, swept for processes that are gone, woken when interest changes. */
export class RunningCalls implements Disposable {
  readonly #resources: CallResources;
  readonly #telemetry: WorkloadApiTelemetry;
  readonly #calls = new Set<WorkloadCall>();
  readonly #stopListening: () => void;
  #sweepTimer: Timer;
  #isStopped = false;

  constructor(resources: CallResources, telemetry: WorkloadApiTelemetry) {
    this.#resources = resources;
    this.#telemetry = telemetry;
    this.#stopListening = resources.identities.onInterestChange(() => this.#wakeAll());
    this.#sweepTimer = this.#nextSweep();
  }

  get size(): number {
    return this.#calls.size;
  }

  /** The call is to be disposed of by its handler. @throws ServiceError ERR_AGENT_STOPPING, ERR_CALLER_UNKNOWN */
  open(context: RpcContext): WorkloadCall {
    if (this.#isStopped) throw stopping();
    const call = new WorkloadCall(this.#resources, context, (closed) => {
      this.#calls.delete(closed);
      this.#report();
    });
    this.#calls.add(call);
    this.#report();
    return call;
  }

  /** Ends every call with Unavailable, now and from now on: never with OK, on which some clients stop for good. */
  [Symbol.dispose](): void {
    this.#isStopped = true;
    this.#stopListening();
    this.#sweepTimer.cancel();
    for (const call of this.#calls) call.end(stopping());
  }

  #wakeAll(): void {
    if (!this.#resources.attestation.interestChanged()) return;
    for (const call of this.#calls) call.wake();
  }

  #nextSweep(): Timer {
    return this.#resources.clock.setTimer(agentLimits.sweepIntervalMs.value, () => this.#sweep());
  }

  /** A connection can outlive its process when another one inherited it; that one is not who was attested. */
  #sweep(): void {
    for (const call of this.#calls) {
      if (call.caller.process.isAlive()) continue;
      call.end(workloadAttestationErrors.error("ERR_CALLER_GONE", "the calling process is gone"));
    }
    this.#sweepTimer = this.#nextSweep();
  }

  #report(): void {
    this.#telemetry.running(this.#calls.size, this.#resources.holds.held);
  }
}

function stopping(): ServiceError {
  return agentErrors.error("ERR_AGENT_STOPPING", "the agent is stopping");
}
