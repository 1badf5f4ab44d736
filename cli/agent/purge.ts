import type { Agent__Output } from "../../proto/gen/spire/api/types/Agent.ts";
import { agentService } from "../../proto/services.ts";
import { type Clock, systemClock } from "../../runtime/core/index.ts";
import { ServiceError } from "../../transport/index.ts";
import { type CommandChannel, withServer } from "../connect.ts";
import type { CommandContext, Finish } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import type { ServerOptions } from "../options.ts";
import { printable, time, toJson } from "../output.ts";
import { table } from "../table.ts";
import { idText } from "../wire.ts";
import { everyAgent } from "./filter.ts";

export interface PurgeOptions extends ServerOptions {
  /** Seconds. */
  readonly expiredFor: number;
  readonly dryRun?: boolean;
}

interface Purged {
  readonly agent_id: string;
  readonly deleted: boolean;
  readonly error?: string;
}

/**
 * Forgets agents whose SVID expired long ago and that can attest again by themselves. Banned ones stay: forgetting one
 * would let it in again.
 */
export async function purge(
  options: PurgeOptions,
  context: CommandContext,
  finish: Finish,
  clock: Clock = systemClock,
): Promise<void> {
  const { terminal } = context;
  const { expired, results } = await withServer(options, context, async (channel) => {
    const before = Math.floor(clock.now() / 1000) - options.expiredFor;
    const agents = await everyAgent(channel, { by_can_reattest: { value: true }, by_banned: { value: false } });
    const found = agents.filter((agent) => Number(agent.x509svid_expires_at) < before);
    return { expired: found, results: options.dryRun === true ? found.map(untouched) : await forget(channel, found) };
  });
  if (options.output === "json") terminal.out(toJson({ expired_agents: results }));
  else if (expired.length === 0) terminal.out("no agents to purge");
  else {
    const rows = expired.map((agent, index) => [
      idText(agent.id),
      time(agent.x509svid_expires_at),
      options.dryRun === true ? "would be purged" : outcomeOf(results[index]),
    ]);
    terminal.out(table(terminal, ["AGENT ID", "SVID EXPIRED", "OUTCOME"], rows));
  }
  if (results.some(({ error }) => error !== undefined)) finish(exitCodes.refused);
}

async function forget(channel: CommandChannel, agents: readonly Agent__Output[]): Promise<readonly Purged[]> {
  const results: Purged[] = [];
  for (const agent of agents) {
    try {
      await channel.unary(agentService.DeleteAgent, { id: agent.id });
      results.push({ ...untouched(agent), deleted: true });
    } catch (error) {
      if (!(error instanceof ServiceError) || error.status === "unavailable") throw error;
      results.push({ ...untouched(agent), error: error.message });
    }
  }
  return results;
}

function untouched(agent: Agent__Output): Purged {
  return { agent_id: idText(agent.id), deleted: false };
}

function outcomeOf(purged: Purged | undefined): string {
  return purged?.error === undefined ? "purged" : `not purged: ${printable(purged.error)}`;
}
