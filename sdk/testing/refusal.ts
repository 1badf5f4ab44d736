import { type GrpcStatusName, grpcStatus, ServiceError } from "../../transport/errors/service-error.ts";
import { knownOptions } from "../known-options.ts";
import { UsageError } from "../usage-error.ts";

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

const statuses: ReadonlySet<string> = new Set(Object.keys(grpcStatus).filter((name) => name !== "ok"));

/** @throws UsageError ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID */
export function refusal(status: RefusalStatus, options: RefusalOptions = {}): ServiceError {
  knownOptions(options, ["message", "reason", "fix"], status === "permissionDenied" ? "deny" : "refuse");
  const { message = `the test wants ${status}`, reason = "ERR_TEST_REFUSAL", fix = "" } = options;
  if (!statuses.has(status)) {
    throw new UsageError("ERR_ARGUMENT_INVALID", "refuse takes the name of a gRPC status, such as unavailable");
  }
  // No client would show another one: reasons are printed, logged and counted as they are.
  if (!/^ERR_[A-Z0-9_]{1,60}$/.test(reason)) {
    throw new UsageError("ERR_ARGUMENT_INVALID", "`reason` is a code: ERR_ with capitals, digits and underscores", {
      fix: 'give a code such as "ERR_NODE_BANNED", and the text for people as `message`',
    });
  }
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
