import { dialUnix, type RpcChannel, ServiceError } from "../transport/index.ts";
import type { CommandContext } from "./context.ts";
import { cliErrorSpecs } from "./errors.ts";
import { CommandError, exitCodes } from "./exit-codes.ts";
import type { ServerOptions } from "./options.ts";

const noAnswer: ReadonlySet<string> = new Set(["ERR_CONNECT_FAILED", "ERR_CONNECTION_LOST", "ERR_DEADLINE_EXCEEDED"]);

/** What commands call the server or agent with. */
export type CommandChannel = Pick<RpcChannel, "unary">;

/** A process that is stuck must not keep scripts waiting for ever. */
export const longestAnswerMs = 60_000;

/**
 * Calls `use` with a channel to the server that the options name, and closes it after: over mutual TLS with an identity
 * from the local Workload API when there is a `--server`, else over the admin socket.
 */
export async function withServer<Result>(
  options: ServerOptions,
  context: Pick<CommandContext, "environment" | "uid">,
  use: (channel: CommandChannel) => Promise<Result>,
  flag = "--socket or --server",
): Promise<Result> {
  if (options.server === undefined) return withChannel(options.socket, "server", use, { flag });
  const { dialRemote } = await import("./remote/dial.ts");
  const channel = await dialRemote({ ...options, server: options.server }, context, longestAnswerMs);
  return during(channel, { who: `server at ${options.server}`, flag: "--server" }, use);
}

/** Calls `use` with a channel to the socket and closes it after. A socket nobody serves is explained. */
export function withChannel<Result>(
  socket: string,
  who: "server" | "agent",
  use: (channel: CommandChannel) => Promise<Result>,
  { answerWithinMs = longestAnswerMs, flag = "--socket" }: ChannelOptions = {},
): Promise<Result> {
  return during(dialUnix({ path: socket }), { who: `${who} at ${socket}`, flag }, use, answerWithinMs);
}

interface ChannelOptions {
  readonly answerWithinMs?: number;
  /** The flag that named the socket, for what is said when nobody serves it. */
  readonly flag?: string;
}

interface Called {
  readonly who: string;
  readonly flag: string;
}

async function during<Result>(
  channel: RpcChannel,
  { who, flag }: Called,
  use: (channel: CommandChannel) => Promise<Result>,
  answerWithinMs: number = longestAnswerMs,
): Promise<Result> {
  // A command may call two servers, one within the other: each explains what it failed with itself.
  const own = new WeakSet<ServiceError>();
  try {
    return await use({
      unary: async (definition, request, options) => {
        try {
          return await channel.unary(definition, request, { timeoutMs: answerWithinMs, ...options });
        } catch (error) {
          if (error instanceof ServiceError) own.add(error);
          throw error;
        }
      },
    });
  } catch (error) {
    if (!(error instanceof ServiceError) || !own.has(error)) throw error;
    if (error.code === "ERR_PEER_NOT_VERIFIED") throw wrongServer(who, error);
    if (!noAnswer.has(error.code)) throw error;
    throw new CommandError(exitCodes.unreachable, `no answer from the ${who}: ${error.message}`, {
      code: "ERR_NO_ANSWER",
      hint: cliErrorSpecs.ERR_NO_ANSWER.fix.replace("--socket or --server", flag),
      cause: error,
    });
  } finally {
    channel.close();
  }
}

function wrongServer(who: string, error: ServiceError): CommandError {
  const reason = error.cause instanceof Error ? error.cause.message : error.message;
  return new CommandError(exitCodes.refused, `the ${who} is not to be trusted: ${reason}`, {
    code: "ERR_SERVER_NOT_VERIFIED",
    hint: cliErrorSpecs.ERR_SERVER_NOT_VERIFIED.fix,
    cause: error,
  });
}
