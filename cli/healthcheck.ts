import { bundleService, healthService } from "../proto/services.ts";
import { parseEndpointAddress } from "../spiffe/index.ts";
import { ServiceError } from "../transport/index.ts";
import { type CommandChannel, withChannel } from "./connect.ts";
import type { CommandContext, Finish } from "./context.ts";
import { cliErrorSpecs } from "./errors.ts";
import { CommandError, exitCodes, inputError } from "./exit-codes.ts";
import type { CommonOptions } from "./options.ts";
import { toJson } from "./output.ts";

const serving = 1;
const timeoutMs = 5_000;

export async function healthcheck(
  who: "server" | "agent",
  options: CommonOptions,
  { terminal }: CommandContext,
  finish: Finish,
): Promise<void> {
  const answer = await withChannel(pathOf(options.socket), who, async (channel) => {
    const health = await channel.unary(healthService.Check, { service: "" }, { timeoutMs });
    // What is not serving is no success whoever it is, and may be unable to answer more.
    if (health.status === serving) await checkThatItIs(who, channel, options.socket);
    return health;
  });
  const healthy = answer.status === serving;
  if (options.output === "json") terminal.out(toJson({ status: healthy ? "SERVING" : "NOT_SERVING" }));
  else if (healthy) terminal.out(`the ${who} is healthy`);
  else terminal.err(`Error: the ${who} answers, but is not serving`);
  if (!healthy) finish(exitCodes.refused);
}

/** Both have a health service. The public trust bundle is served by servers alone, SPIRE's and ours, to every caller. */
async function checkThatItIs(who: "server" | "agent", channel: CommandChannel, socket: string): Promise<void> {
  const isServer = await channel.unary(bundleService.GetBundle, { output_mask: {} }, { timeoutMs }).then(
    () => true,
    (error: unknown) => {
      if (error instanceof ServiceError && error.status === "unimplemented") return false;
      throw error;
    },
  );
  if (isServer === (who === "server")) return;
  const [found, wanted] = isServer ? ["a server", "an agent"] : ["an agent", "a server"];
  throw new CommandError(exitCodes.refused, `what answers at ${socket} is ${found}, not ${wanted}`, {
    code: "ERR_OTHER_DAEMON",
    hint: cliErrorSpecs.ERR_OTHER_DAEMON.fix,
  });
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
