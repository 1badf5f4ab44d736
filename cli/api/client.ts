import { resolve } from "node:path";
import { WorkloadApiClient, WorkloadError } from "../../sdk/index.ts";
import { grpcStatus, ServiceError } from "../../transport/index.ts";
import { CommandError, exitCodes, inputError } from "../exit-codes.ts";

/** Calls `use` with a client of the socket's Workload API; its errors become the command's, with exit codes. */
export async function withWorkloadApi<Result>(
  socket: string,
  use: (client: WorkloadApiClient) => Promise<Result>,
  flag = "--socket",
): Promise<Result> {
  return withWorkloadErrors(flag, async () => {
    await using client = WorkloadApiClient.create({ endpoint: endpointOf(socket) });
    return await use(client);
  });
}

/** As above, with a client of the caller's own. */
export async function withWorkloadErrors<Result>(flag: string, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw error instanceof WorkloadError ? asCommandError(error, flag) : error;
  }
}

/** A path, or an endpoint's URI, as the latter. */
export function endpointOf(socket: string): string {
  return /^[a-z]+:/.test(socket) ? socket : `unix://${resolve(socket)}`;
}

/** Statuses of an agent that is not there, or not now; without a status nothing was answered at all. */
const away: ReadonlySet<number | undefined> = new Set([
  undefined,
  grpcStatus.unavailable,
  grpcStatus.deadlineExceeded,
  grpcStatus.cancelled,
]);

function asCommandError(error: WorkloadError, flag: string): CommandError {
  const { message, code } = error;
  // Without an answer it is the call itself that explains.
  const call = error.cause instanceof ServiceError ? error.cause : undefined;
  const reason = error.reason ?? call?.code;
  const hint = error.grpcStatus === undefined ? (call?.fix ?? error.fix) : error.fix;
  if (code === "ERR_WORKLOAD_ENDPOINT") return inputError("ERR_USAGE", `${flag}: ${message}`);
  const options = { code: reason ?? code, hint, cause: error };
  if (code !== "ERR_WORKLOAD_API_UNAVAILABLE" || !away.has(error.grpcStatus))
    return new CommandError(exitCodes.refused, message, options);
  return new CommandError(exitCodes.unreachable, message, options);
}
