import type { AgentDelivery__Output } from "../../proto/gen/countersign/server/sync/v1/AgentDelivery.ts";
import { syncService } from "../../proto/services.ts";
import { type Clock, systemClock } from "../../runtime/core/index.ts";
import type { CommandChannel } from "../connect.ts";
import type { CommandContext, Finish } from "../context.ts";
import { cliErrorSpecs } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import type { CommonOptions } from "../options.ts";
import { toJson } from "../output.ts";
import { printFailure } from "../report-failure.ts";
import { idText } from "../wire.ts";
import type { WaitOptions } from "./fields.ts";
import { type ItemResult, succeeded } from "./mutations.ts";

/** The server waits no longer in one call, and for no more entries. */
const longestCallMs = 60_000;
const entriesOfCall = 1_000;

/**
 * Waits for delivery when `--wait` asks for it, and prints what became of each item. What was done is printed also when
 * the wait fails. Ends with the exit code of the worst: refused, then timed out.
 */
export async function deliverAndPrint(
  channel: CommandChannel,
  results: readonly ItemResult[],
  options: CommonOptions & WaitOptions,
  { terminal }: CommandContext,
  finish: Finish,
  printItem: (result: ItemResult) => void,
): Promise<void> {
  const changed = results.filter(succeeded).map(({ id }) => id);
  const waits = options.wait === true && changed.length > 0;
  const asJson = options.output === "json";
  let agents: readonly AgentDelivery__Output[] | undefined;
  try {
    if (!asJson) results.forEach(printItem);
    if (waits) agents = await waitForDelivery(channel, changed, options.timeout * 1000);
  } finally {
    if (asJson) {
      const wire = results.map(({ status, entry }) => ({ status, entry }));
      terminal.out(toJson({ results: wire, ...(agents === undefined ? {} : { agents }) }));
    }
  }
  const states = new Set(agents?.map(({ state }) => state));
  for (const { state, agent_id } of agents ?? []) {
    if (state === "pending") terminal.err(`not yet applied by ${idText(agent_id)}`);
    if (state === "disconnected")
      terminal.err(`not connected: ${idText(agent_id)} (it applies the change when it returns)`);
  }
  if (agents?.length === 0) {
    const message = `not delivered: no agent that the server knows has ${whatIsMissing(results)}`;
    printFailure({ message, code: "ERR_NO_AGENT", hint: cliErrorSpecs.ERR_NO_AGENT.fix }, terminal, asJson);
    finish(exitCodes.refused);
  }
  if (results.some((result) => !succeeded(result))) finish(exitCodes.refused);
  else if (states.has("pending")) finish(exitCodes.timedOut);
}

function whatIsMissing(results: readonly ItemResult[]): string {
  const isAlias = ({ entry }: ItemResult): boolean => entry?.parent_id?.path === "/spire/server";
  return results.filter(succeeded).every(isAlias) ? "these node selectors" : "this parent ID";
}

/**
 * Waits until the connected agents concerned hold the entries, and servable SVIDs where they prefetch. Each agent once,
 * with the worst of its states.
 */
async function waitForDelivery(
  channel: CommandChannel,
  entryIds: readonly string[],
  timeoutMs: number,
  clock: Clock = systemClock,
): Promise<readonly AgentDelivery__Output[]> {
  const endsAtMs = clock.monotonic() + timeoutMs;
  const worst = new Map<string, AgentDelivery__Output>();
  for (let start = 0; start < entryIds.length; start += entriesOfCall) {
    for (const delivery of await waitForSome(channel, entryIds.slice(start, start + entriesOfCall), endsAtMs, clock)) {
      const known = worst.get(idText(delivery.agent_id));
      if (known === undefined || known.state === "applied") worst.set(idText(delivery.agent_id), delivery);
    }
  }
  return [...worst.values()];
}

async function waitForSome(
  channel: CommandChannel,
  entryIds: string[],
  endsAtMs: number,
  clock: Clock,
): Promise<readonly AgentDelivery__Output[]> {
  for (;;) {
    const leftMs = Math.ceil(endsAtMs - clock.monotonic());
    // 0 would be the server's default.
    const callMs = Math.max(1, Math.min(leftMs, longestCallMs));
    const request = { entry_ids: entryIds, timeout_ms: callMs };
    const { agents } = await channel.unary(syncService.WaitApplied, request, { timeoutMs: callMs + 10_000 });
    const isOver = leftMs <= longestCallMs || !agents.some(({ state }) => state === "pending");
    if (isOver) return agents;
  }
}
