import { healthService } from "../proto/services.ts";
import { parseEndpointAddress } from "../spiffe/index.ts";
import { withChannel } from "./connect.ts";
import type { CommandContext, Finish } from "./context.ts";
import { exitCodes, inputError } from "./exit-codes.ts";
import type { CommonOptions } from "./options.ts";
import { toJson } from "./output.ts";

const serving = 1;

export async function healthcheck(
  who: "server" | "agent",
  options: CommonOptions,
  { terminal }: CommandContext,
  finish: Finish,
): Promise<void> {
  const answer = await withChannel(pathOf(options.socket), who, (channel) =>
    channel.unary(healthService.Check, { service: "" }, { timeoutMs: 5_000 }),
  );
  const healthy = answer.status === serving;
  if (options.output === "json") terminal.out(toJson({ status: healthy ? "SERVING" : "NOT_SERVING" }));
  else if (healthy) terminal.out(`the ${who} is healthy`);
  else terminal.err(`Error: the ${who} answers, but is not serving`);
  if (!healthy) finish(exitCodes.refused);
}

/** The Workload API's socket may come as the URI that workloads are given. */
function pathOf(socket: string): string {
  if (!/^[a-z]+:/.test(socket)) return socket;
  try {
    const address = parseEndpointAddress(socket);
    if (address.kind === "unix") return address.path;
  } catch (error) {
    throw inputError("ERR_USAGE", `--socket: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw inputError("ERR_USAGE", `--socket: ${socket} is not a Unix socket`);
}
