import type { AgentDelivery__Output } from "../../proto/gen/countersign/server/sync/v1/AgentDelivery.ts";
import { syncService } from "../../proto/services.ts";
import type { RpcChannel } from "../../transport/index.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import type { Terminal } from "../output.ts";
import { idText } from "../wire.ts";

/**
 * Waits until the connected agents concerned hold the entries (and servable SVIDs where prefetched), and says which
 * do not: pending ones are a time-out, disconnected ones are named and will get the entries when they return.
 */
export async function waitForDelivery(
  channel: RpcChannel,
  entryIds: readonly string[],
  timeoutMs: number,
  terminal: Terminal,
): Promise<{ readonly agents: readonly AgentDelivery__Output[]; readonly exitCode: ExitCode }> {
  const { agents } = await channel.unary(
    syncService.WaitApplied,
    { entry_ids: [...entryIds], timeout_ms: timeoutMs },
    { timeoutMs: timeoutMs + 5_000 },
  );
  const pending = agents.filter((agent) => agent.state === "pending");
  const disconnected = agents.filter((agent) => agent.state === "disconnected");
  for (const agent of pending) terminal.err(`not yet applied by ${idText(agent.agent_id)}`);
  for (const agent of disconnected)
    terminal.err(`not connected: ${idText(agent.agent_id)} (it applies the change when it returns)`);
  if (agents.length === 0) terminal.err("no known agent serves this entry: is its parent ID right?");
  return { agents, exitCode: pending.length > 0 ? exitCodes.timedOut : exitCodes.ok };
}
