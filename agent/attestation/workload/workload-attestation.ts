import { type Clock, errorFields, type Logger, type Metrics } from "../../../runtime/core/index.ts";
import { type Selector, sortSelectors } from "../../../spiffe/index.ts";
import { type ProcessHandle, ServiceError } from "../../../transport/index.ts";
import { agentLimits } from "../../limits.ts";
import type { SelectorInterest, WorkloadAttestor, WorkloadCaller } from "../../ports.ts";
import { workloadAttestationErrors } from "./errors.ts";
import { InterestMemory } from "./interest-memory.ts";

export interface WorkloadAttestationDeps {
  readonly attestors: readonly WorkloadAttestor[];
  readonly interest: SelectorInterest;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** For the slowest attestor, milliseconds. Default 5 s. */
  readonly timeoutMs?: number;
}

type Outcome =
  | { readonly kind: "selectors"; readonly selectors: readonly Selector[] }
  | { readonly kind: "failed"; readonly attestor: string; readonly error: unknown };

interface Merged {
  readonly parts: readonly (readonly Selector[])[];
  readonly selectors: readonly Selector[];
}

/** What a caller must not get around by a failing attestor beside: these win over other failures. */
const verdicts: ReadonlySet<string> = new Set(["ERR_CALLER_GONE", "ERR_CALLER_MISMATCH"]);

/**
 * Process → selectors, by all attestors in parallel. All succeed or the attestation fails: a missing selector can
 * take an identity away, and it can also make a caller look like another one.
 */
export class WorkloadAttestation {
  readonly #deps: WorkloadAttestationDeps;
  readonly #timeoutMs: number;
  readonly #interest: InterestMemory;
  readonly #attested: ReturnType<Metrics["counter"]>;
  readonly #merged = new WeakMap<ProcessHandle, Merged>();
  readonly #mergedByPart = new WeakMap<readonly Selector[], Merged>();

  constructor(deps: WorkloadAttestationDeps) {
    this.#deps = deps;
    this.#interest = new InterestMemory(deps.interest);
    this.#timeoutMs = deps.timeoutMs ?? agentLimits.attestTimeoutMs.value;
    this.#attested = deps.metrics.counter({
      name: "countersign_agent_workload_attestations_total",
      help: "Attestations of callers, by result (ok or an error code).",
      labels: ["result"],
    });
  }

  /**
   * Sorted, without duplicates. The same array as last time for this caller when nothing changed, so that a caller
   * of it can compare by identity. The process was there after the last fact about it was read.
   * @throws ServiceError ERR_CALLER_GONE, ERR_CALLER_MISMATCH, ERR_ATTESTOR_TIMEOUT, ERR_ATTESTATION_FAILED or the
   *   attestor's own code; `signal.reason` when aborted
   */
  attest(caller: WorkloadCaller, signal: AbortSignal): Promise<readonly Selector[]> | readonly Selector[] {
    signal.throwIfAborted();
    const cut = new AbortController();
    const started = this.#deps.attestors.map((attestor) => this.#start(attestor, caller, cut.signal));
    const outcomes = started.filter((outcome): outcome is Outcome => !(outcome instanceof Promise));
    return outcomes.length === started.length
      ? this.#conclude(caller, outcomes)
      : this.#awaited(caller, started, signal, cut);
  }

  async #awaited(
    caller: WorkloadCaller,
    started: readonly (Promise<Outcome> | Outcome)[],
    signal: AbortSignal,
    cut: AbortController,
  ): Promise<readonly Selector[]> {
    const onAbort = (): void => cut.abort(signal.reason);
    signal.addEventListener("abort", onAbort);
    const timer = this.#deps.clock.setTimer(this.#timeoutMs, () => cut.abort(timedOut(this.#timeoutMs)));
    try {
      const outcomes = await Promise.all(started);
      signal.throwIfAborted();
      return this.#conclude(caller, outcomes);
    } finally {
      timer.cancel();
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Attesting a caller again may find more, since entries now ask for selectors that they did not ask for before. */
  interestChanged(): boolean {
    return this.#interest.hasChanged();
  }

  #start(attestor: WorkloadAttestor, caller: WorkloadCaller, signal: AbortSignal): Promise<Outcome> | Outcome {
    const failed = (error: unknown): Outcome => ({ kind: "failed", attestor: attestor.name, error });
    const found = (selectors: readonly Selector[]): Outcome => ({ kind: "selectors", selectors });
    try {
      const answer = attestor.attest(caller, this.#interest, signal);
      return answer instanceof Promise ? until(signal, answer).then(found, failed) : found(answer);
    } catch (error) {
      return failed(error);
    }
  }

  #conclude(caller: WorkloadCaller, outcomes: readonly Outcome[]): readonly Selector[] {
    const failures = outcomes.filter((outcome) => outcome.kind === "failed");
    // Read first, then check: whatever was read above was of this process and not of a later one of its pid.
    if (!caller.process.isAlive()) throw this.#refused(gone());
    if (failures.length === 0) {
      this.#attested.add(1, "ok");
      return this.#merge(caller, outcomes);
    }
    for (const { attestor, error } of failures) {
      const fields = { attestor, pid: caller.pid, uid: caller.uid, ...errorFields(error) };
      this.#deps.logger.warn(fields, "workload attestor failed");
    }
    throw this.#refused(worst(failures.map((failure) => coded(failure.attestor, failure.error))));
  }

  #merge(caller: WorkloadCaller, outcomes: readonly Outcome[]): readonly Selector[] {
    const parts = outcomes.map((outcome) => (outcome.kind === "selectors" ? outcome.selectors : []));
    const last = this.#merged.get(caller.process);
    if (last !== undefined && isMadeOf(last, parts)) return last.selectors;
    // Attestors that hand out one array for equal facts let callers of one kind share the merged one, too.
    const shared = parts[0] === undefined ? undefined : this.#mergedByPart.get(parts[0]);
    const merged = shared !== undefined && isMadeOf(shared, parts) ? shared : merge(parts, last);
    this.#merged.set(caller.process, merged);
    if (parts[0] !== undefined) this.#mergedByPart.set(parts[0], merged);
    return merged.selectors;
  }

  #refused(error: ServiceError): ServiceError {
    this.#attested.add(1, error.code);
    return error;
  }
}

/** Settles as `work` does, or rejects with the signal's reason, whichever is first. */
function until<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function isMadeOf(merged: Merged, parts: Merged["parts"]): boolean {
  return parts.length === merged.parts.length && parts.every((part, index) => part === merged.parts[index]);
}

function merge(parts: Merged["parts"], last: Merged | undefined): Merged {
  const sorted = sortSelectors(parts.flat());
  const isSame = last !== undefined && sameSelectors(sorted, last.selectors);
  return { parts, selectors: isSame ? last.selectors : sorted };
}

function worst(errors: readonly ServiceError[]): ServiceError {
  const verdict = errors.find((error) => verdicts.has(error.code));
  return verdict ?? errors[0] ?? gone();
}

function coded(attestor: string, error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  return workloadAttestationErrors.error("ERR_ATTESTATION_FAILED", `workload attestor ${attestor} failed`, {
    cause: error,
  });
}

function timedOut(timeoutMs: number): ServiceError {
  return workloadAttestationErrors.error(
    "ERR_ATTESTOR_TIMEOUT",
    `a workload attestor did not answer within ${timeoutMs} ms`,
  );
}

function gone(): ServiceError {
  return workloadAttestationErrors.error("ERR_CALLER_GONE", "the calling process is gone");
}

function sameSelectors(left: readonly Selector[], right: readonly Selector[]): boolean {
  return left.length === right.length && left.every((selector, index) => right[index]?.equals(selector) === true);
}
