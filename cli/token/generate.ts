import { agentService } from "../../proto/services.ts";
import { withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { ServerOptions } from "../options.ts";
import { facts, time, toJson } from "../output.ts";
import { spiffeIdFlag } from "../wire.ts";

export interface GenerateOptions extends ServerOptions {
  /** Seconds. */
  readonly ttl: number;
  readonly token?: string;
  readonly spiffeId?: string;
}

export async function generate(options: GenerateOptions, context: CommandContext): Promise<void> {
  const request = {
    ttl: options.ttl,
    token: options.token ?? "",
    agent_id: options.spiffeId === undefined ? null : spiffeIdFlag("--spiffe-id", options.spiffeId),
  };
  const made = await withServer(options, context, (channel) => channel.unary(agentService.CreateJoinToken, request));
  if (options.output === "json") {
    context.terminal.out(toJson(made));
    return;
  }
  const alias = options.spiffeId === undefined ? [] : [["Agent alias", options.spiffeId] as const];
  context.terminal.out(facts([["Token", made.value], ["Expires", time(made.expires_at)], ...alias]));
}
