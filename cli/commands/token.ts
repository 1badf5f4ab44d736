import type { Command } from "commander";
import { agentService } from "../../proto/services.ts";
import { withChannel } from "../connect.ts";
import type { CommandContext, Finish } from "../context.ts";
import { type CommonOptions, parseLife, withServerSocket } from "../options.ts";
import { facts, time, toJson } from "../output.ts";
import { spiffeIdFlag } from "../wire.ts";

interface GenerateOptions extends CommonOptions {
  readonly ttl: number;
  readonly token?: string;
  readonly spiffeId?: string;
}

export function addTokenCommands(program: Command, context: CommandContext, _finish: Finish): void {
  const token = program.command("token").description("join tokens: how a new agent proves itself once");
  withServerSocket(
    token
      .command("generate")
      .description("make a join token; it works once")
      .option("--ttl <life>", "how long it may be used, e.g. 600 or 10m", parseLife, 600)
      .option("--token <value>", "use this value instead of a random one")
      .option("--spiffe-id <id>", "also give the agent this ID as an alias, to be the parent of entries")
      .addHelpText("after", "\nExample:\n  countersign token generate --spiffe-id spiffe://example.org/host/web-1"),
    context,
  ).action(async (options: GenerateOptions) => {
    const request = {
      ttl: options.ttl,
      token: options.token ?? "",
      agent_id: options.spiffeId === undefined ? null : spiffeIdFlag("--spiffe-id", options.spiffeId),
    };
    const made = await withChannel(options.socket, "server", (channel) =>
      channel.unary(agentService.CreateJoinToken, request),
    );
    if (options.output === "json") context.terminal.out(toJson(made));
    else {
      const alias = options.spiffeId === undefined ? [] : [["Agent alias", options.spiffeId] as const];
      context.terminal.out(facts([["Token", made.value], ["Expires", time(made.expires_at)], ...alias]));
    }
  });
}
