import { WorkloadApiClient, WorkloadError } from "../../sdk/index.ts";
import { CommandError, exitCodes } from "../exit-codes.ts";

/** Calls `use` with a client of the socket's Workload API; its errors become the command's, with exit codes. */
export async function withWorkloadApi<Result>(
  socket: string,
  use: (client: WorkloadApiClient) => Promise<Result>,
): Promise<Result> {
  await using client = WorkloadApiClient.create({ endpoint: `unix://${socket}` });
  try {
    return await use(client);
  } catch (error) {
    throw error instanceof WorkloadError ? asCommandError(error, socket) : error;
  }
}

export function asCommandError(error: WorkloadError, socket: string): CommandError {
  const code = error.reason ?? error.code;
  if (error.code === "ERR_WORKLOAD_API_UNAVAILABLE") {
    return new CommandError(
      exitCodes.unreachable,
      `${error.message} (${code})`,
      error.fix ?? `does an agent serve ${socket}, and may this user use it?`,
    );
  }
  return new CommandError(exitCodes.refused, `${error.message} (${code})`, error.fix);
}
