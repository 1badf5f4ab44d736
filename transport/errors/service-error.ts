/**
 * The errors of services: a stable code, the gRPC status it becomes, and two audiences. `message` is for the
 * caller and safe by construction; `cause` is for the log. Each area declares its codes in one table
 * (`defineErrors`), from which docs/errors.md is checked.
 */
export const grpcStatus = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

/** Statuses of gRPC by name, in camel case. */
export type GrpcStatusName = keyof typeof grpcStatus;

export interface ErrorSpec {
  readonly status: GrpcStatusName;
  /** What it means, for docs/errors.md. */
  readonly meaning: string;
  /** What to do about it. Sent to callers as a hint, so it names no secret and no internals. */
  readonly fix: string;
}

/** Extra `google.rpc.Status.details`, each packed as Any by the transport. */
export type ErrorDetail =
  /** google.rpc.ErrorInfo; the transport adds one by itself for every ServiceError. */
  | { readonly kind: "error-info"; readonly metadata: Readonly<Record<string, string>> }
  /** google.rpc.RetryInfo. */
  | { readonly kind: "retry"; readonly delayMs: number }
  /** spire.api.types.PermissionDeniedDetails, exactly as SPIRE sends it: when present it is the first detail. */
  | { readonly kind: "permission-denied"; readonly reason: PermissionDeniedReason };

export const permissionDeniedReason = {
  unknown: 0,
  agentExpired: 1,
  agentNotAttested: 2,
  agentNotActive: 3,
  agentBanned: 4,
  agentMustReattest: 5,
} as const;

export type PermissionDeniedReason = keyof typeof permissionDeniedReason;

export interface ServiceErrorOptions {
  readonly cause?: unknown;
  readonly details?: readonly ErrorDetail[];
}

export class ServiceError extends Error {
  override readonly name = "ServiceError";
  readonly code: string;
  readonly status: GrpcStatusName;
  readonly fix: string;
  readonly details: readonly ErrorDetail[];

  constructor(code: string, spec: ErrorSpec, message: string, options: ServiceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = spec.status;
    this.fix = spec.fix;
    this.details = options.details ?? [];
  }
}

export interface ErrorTable<Code extends string> {
  readonly specs: Readonly<Record<Code, ErrorSpec>>;
  /** `message`: lower case, no full stop, does not repeat the code. */
  error(code: Code, message: string, options?: ServiceErrorOptions): ServiceError;
}

export function defineErrors<const Specs extends Readonly<Record<string, ErrorSpec>>>(
  specs: Specs,
): ErrorTable<Extract<keyof Specs, string>> {
  return {
    specs,
    error: (code, message, options) => {
      const spec = specs[code];
      if (spec === undefined) throw new TypeError(`undeclared error code ${code}`);
      return new ServiceError(code, spec, message, options);
    },
  };
}
