import { commonErrors } from "../../transport/errors/common.ts";
import { grpcStatus, type ServiceError } from "../../transport/errors/service-error.ts";
import { serverLimits } from "../limits.ts";
import type { AuditItem } from "../telemetry/index.ts";

/** One item of a batch: what was read of it, or why it could not be read. `name` is as on the wire. */
export type Draft<Value> =
  | { readonly kind: "draft"; readonly name: string; readonly value: Value }
  | { readonly kind: "malformed"; readonly name: string; readonly error: ServiceError };

/** What became of one item of a batch. Every item has a status; `value` is what was made, changed, or is in the way. */
export interface BatchResult<Value> {
  readonly name: string;
  /** gRPC status number; 0 = OK. */
  readonly status: number;
  readonly message: string;
  /** `OK` or an error code, for records. */
  readonly code: string;
  readonly value: Value | undefined;
}

export function done<Value>(name: string, value?: Value): BatchResult<Value> {
  return { name, status: grpcStatus.ok, message: "OK", code: "OK", value };
}

export function refused<Value>(name: string, error: ServiceError, value?: Value): BatchResult<Value> {
  return { name, status: grpcStatus[error.status], message: error.message, code: error.code, value };
}

/** How a batch over trust domains is put on record. */
export function auditTrustDomains(results: readonly BatchResult<unknown>[]): readonly AuditItem[] {
  return results.map(({ name, code }) => ({ code, trust_domain: name.slice(0, 255) }));
}

/** The work that an item asks for, or its refusal. */
export type Prepared<Work, Value> =
  | { readonly kind: "work"; readonly work: Work }
  | { readonly kind: "refused"; readonly result: BatchResult<Value> };

/**
 * Refuses work on one thing beyond a few times in a batch: a name is a few bytes, and what each result shows of it may be a
 * thousand times as much.
 */
export function withoutRepeats<Work, Value>(
  prepared: readonly Prepared<Work, Value>[],
  keyOf: (work: Work) => string,
  nameOf: (work: Work) => string,
): readonly Prepared<Work, Value>[] {
  const most = serverLimits.batchRepeats.value;
  const seen = new Map<string, number>();
  return prepared.map((one) => {
    if (one.kind === "refused") return one;
    const key = keyOf(one.work);
    const times = (seen.get(key) ?? 0) + 1;
    seen.set(key, times);
    if (times <= most) return one;
    const error = commonErrors.error(
      "ERR_MALFORMED_REQUEST",
      `more than ${most} items of the batch are about the same`,
    );
    return { kind: "refused", result: refused(nameOf(one.work), error) };
  });
}

/** Hands all work that was not refused to `act` at once; one result per item, in order. */
export async function carryOut<Work, Outcome, Value>(
  prepared: readonly Prepared<Work, Value>[],
  act: (works: readonly Work[]) => Promise<readonly Outcome[]>,
  resultOf: (work: Work, outcome: Outcome) => BatchResult<Value>,
): Promise<readonly BatchResult<Value>[]> {
  const works = prepared.flatMap((one) => (one.kind === "work" ? [one.work] : []));
  const outcomes = works.length === 0 ? [] : await act(works);
  let next = 0;
  return prepared.map((one) => {
    if (one.kind === "refused") return one.result;
    const outcome = outcomes[next++];
    if (outcome === undefined) throw new TypeError("the store gave fewer outcomes than it was given items");
    return resultOf(one.work, outcome);
  });
}
