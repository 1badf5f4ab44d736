import { healthService } from "../proto/services.ts";
import { withChannel } from "./connect.ts";
import type { CommandContext, Finish } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import type { CommonOptions } from "./options.ts";
import { toJson } from "./output.ts";

const serving = 1;

export async function healthcheck(
  who: "server" | "agent",
  options: CommonOptions,
  { terminal }: CommandContext,
  finish: Finish,
): Promise<void> {
  const answer = await withChannel(options.socket, who, (channel) =>
    channel.unary(healthService.Check, { service: "" }, { timeoutMs: 5_000 }),
  );
  const healthy = answer.status === serving;
  if (options.output === "json") terminal.out(toJson({ status: healthy ? "SERVING" : "NOT_SERVING" }));
  else if (healthy) terminal.out(`the ${who} is healthy`);
  else terminal.err(`Error: the ${who} answers, but is not serving`);
  if (!healthy) finish(exitCodes.refused);
}
