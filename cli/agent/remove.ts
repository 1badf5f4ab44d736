import { agentService } from "../../proto/services.ts";
import { withChannel } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { CommonOptions } from "../options.ts";
import { toJson } from "../output.ts";
import { spiffeIdFlag } from "../wire.ts";

export async function ban(id: string, options: CommonOptions, { terminal }: CommandContext): Promise<void> {
  const request = { id: spiffeIdFlag("the agent's ID", id) };
  const answer = await withChannel(options.socket, "server", (channel) =>
    channel.unary(agentService.BanAgent, request),
  );
  terminal.out(options.output === "json" ? toJson(answer) : `banned ${id}; "agent evict" lets it attest again`);
}

export async function evict(id: string, options: CommonOptions, { terminal }: CommandContext): Promise<void> {
  const request = { id: spiffeIdFlag("the agent's ID", id) };
  const answer = await withChannel(options.socket, "server", (channel) =>
    channel.unary(agentService.DeleteAgent, request),
  );
  terminal.out(options.output === "json" ? toJson(answer) : `evicted ${id}; it may attest again`);
}
