import { dialUnix, type RpcChannel, ServiceError } from "../transport/index.ts";
import { cliErrorSpecs } from "./errors.ts";
import { CommandError, exitCodes } from "./exit-codes.ts";

const noAnswer: ReadonlySet<string> = new Set(["ERR_CONNECT_FAILED", "ERR_CONNECTION_LOST", "ERR_DEADLINE_EXCEEDED"]);

/** What commands call the server or agent with. */
export type CommandChannel = Pick<RpcChannel, "unary">;

/** A process that is stuck must not keep scripts waiting for ever. */
const longestAnswerMs = 60_000;

/** Calls `use` with a channel to the socket and closes it after. A socket nobody serves is explained. */
export async function withChannel<Result>(
  socket: string,
  who: "server" | "agent",
  use: (channel: CommandChannel) => Promise<Result>,
  answerWithinMs: number = longestAnswerMs,
): Promise<Result> {
  const channel = dialUnix({ path: socket });
  try {
    return await use({
      unary: (definition, request, options) =>
        channel.unary(definition, request, { timeoutMs: answerWithinMs, ...options }),
    });
  } catch (error) {
    if (!(error instanceof ServiceError) || !noAnswer.has(error.code)) throw error;
    throw new CommandError(exitCodes.unreachable, `no answer from the ${who} at ${socket}: ${error.message}`, {
      code: "ERR_NO_ANSWER",
      hint: cliErrorSpecs.ERR_NO_ANSWER.fix,
      cause: error,
    });
  } finally {
    channel.close();
  }
}
