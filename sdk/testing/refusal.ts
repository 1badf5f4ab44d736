import { type GrpcStatusName, ServiceError } from "../../transport/errors/service-error.ts";

/** How a Workload API refuses: what becomes `code`, `message`, `reason` and `fix` of a `WorkloadError`. */
export interface RefusalOptions {
  /** Default: what an agent of Countersign says in the case. */
  readonly message?: string;
  /**
   * The reason of google.rpc.ErrorInfo: `ERR_` with capitals, digits and underscores, as Countersign's agent has them
   * (docs/errors.md).
   */
  readonly reason?: string;
  /** What to do about it. Default none. */
  readonly fix?: string;
}

/** gRPC statuses by name, as `invalidArgument`. */
export type RefusalStatus = Exclude<GrpcStatusName, "ok">;

export function refusal(status: RefusalStatus, options: RefusalOptions = {}): ServiceError {
  const { message = `the test wants ${status}`, reason = "ERR_TEST_REFUSAL", fix = "" } = options;
  return new ServiceError(reason, { status, meaning: "A test wants it.", fix }, message);
}

/** What an agent says to a process without an identity. */
export function noIdentity(options: RefusalOptions = {}): ServiceError {
  return refusal("permissionDenied", {
    message: "no identity issued",
    reason: "ERR_NO_IDENTITY",
    fix: "give this process an identity: `svids` of the testing kit, an entry in production",
    ...options,
  });
}
