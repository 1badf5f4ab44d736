import { agentService } from "../../proto/services.ts";
import { withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { ServerOptions } from "../options.ts";
import { toJson } from "../output.ts";
import { spiffeIdFlag } from "../wire.ts";

export async function ban(id: string, options: ServerOptions, context: CommandContext): Promise<void> {
  const request = { id: spiffeIdFlag("the agent's ID", id) };
  const answer = await withServer(options, context, (channel) => channel.unary(agentService.BanAgent, request));
  context.terminal.out(options.output === "json" ? toJson(answer) : `banned ${id}; "agent evict" lets it attest again`);
}

export async function evict(id: string, options: ServerOptions, context: CommandContext): Promise<void> {
  const request = { id: spiffeIdFlag("the agent's ID", id) };
  const answer = await withServer(options, context, (channel) => channel.unary(agentService.DeleteAgent, request));
  context.terminal.out(options.output === "json" ? toJson(answer) : `evicted ${id}; ${afterwards(id)}`);
}

function afterwards(id: string): string {
  const isOfToken = id.includes("/spire/agent/join_token/");
  return isOfToken ? "it may attest again, with a new join token" : "it may attest again";
}
