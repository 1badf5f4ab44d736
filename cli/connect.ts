import { dialUnix, type RpcChannel, ServiceError } from "../transport/index.ts";
import { CommandError, exitCodes } from "./exit-codes.ts";

const noAnswer: ReadonlySet<string> = new Set(["ERR_CONNECT_FAILED", "ERR_CONNECTION_LOST"]);

/** Calls `use` with a channel to the socket and closes it after. A socket nobody serves is explained. */
export async function withChannel<Result>(
  socket: string,
  who: "server" | "agent",
  use: (channel: RpcChannel) => Promise<Result>,
): Promise<Result> {
  const channel = dialUnix({ path: socket });
  try {
    return await use(channel);
  } catch (error) {
    if (error instanceof ServiceError && noAnswer.has(error.code)) {
      throw new CommandError(
        exitCodes.unreachable,
        `no answer from the ${who} at ${socket}: ${error.message}`,
        `is the ${who} running, is --socket right, and may this user use the socket?`,
      );
    }
    throw error;
  } finally {
    channel.close();
  }
}
