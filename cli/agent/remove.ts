import { agentService } from "../../proto/services.ts";
import { withChannel } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { CommonOptions } from "../options.ts";
import { spiffeIdFlag } from "../wire.ts";

export async function ban(id: string, options: CommonOptions, { terminal }: CommandContext): Promise<void> {
  await withChannel(options.socket, "server", (channel) =>
    channel.unary(agentService.BanAgent, { id: spiffeIdFlag("agent", id) }),
  );
  terminal.out(options.output === "json" ? "{}" : `banned ${id}; "agent evict" lets it attest again`);
}

export async function evict(id: string, options: CommonOptions, { terminal }: CommandContext): Promise<void> {
  await withChannel(options.socket, "server", (channel) =>
    channel.unary(agentService.DeleteAgent, { id: spiffeIdFlag("agent", id) }),
  );
  terminal.out(options.output === "json" ? "{}" : `evicted ${id}; it may attest again`);
}
