import type { Connection__Output } from "../../proto/gen/countersign/server/sync/v1/Connection.ts";
import type { Agent__Output } from "../../proto/gen/spire/api/types/Agent.ts";
import { agentService, syncService } from "../../proto/services.ts";
import { type CommandChannel, withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { ServerOptions } from "../options.ts";
import { facts, time, toJson } from "../output.ts";
import { table } from "../table.ts";
import { idText, selectorText, spiffeIdFlag } from "../wire.ts";

export interface ListOptions extends ServerOptions {
  readonly attestationType?: string;
  readonly banned?: boolean;
}

type Connections = ReadonlyMap<string, Connection__Output>;

const pageSize = 1000;

export async function list(options: ListOptions, context: CommandContext): Promise<void> {
  const { terminal } = context;
  const filter = {
    ...(options.attestationType === undefined ? {} : { by_attestation_type: options.attestationType }),
    ...(options.banned === true ? { by_banned: { value: true } } : {}),
  };
  const { agents, connections } = await withServer(options, context, async (channel) => {
    const found: Agent__Output[] = [];
    let token = "";
    do {
      const page = await channel.unary(agentService.ListAgents, { filter, page_size: pageSize, page_token: token });
      found.push(...page.agents);
      token = page.next_page_token;
    } while (token !== "");
    return { agents: found, connections: await connectionsById(channel) };
  });
  if (options.output === "json") {
    const withConnection = agents.map((agent) => ({ ...agent, connection: connections.get(idText(agent.id)) ?? null }));
    terminal.out(toJson({ agents: withConnection, next_page_token: "" }));
  } else if (agents.length === 0) terminal.out("no agents");
  else {
    const head = ["AGENT ID", "ATTESTATION", "SVID EXPIRES", "CONNECTED", "LAST SEEN", "ACKNOWLEDGED"];
    const rows = agents.map((agent) => rowOf(agent, connections.get(idText(agent.id))));
    terminal.out(table(terminal, head, rows));
  }
}

export async function count(options: ServerOptions, context: CommandContext): Promise<void> {
  const answer = await withServer(options, context, (channel) => channel.unary(agentService.CountAgents, {}));
  context.terminal.out(
    options.output === "json" ? toJson(answer) : `${answer.count} ${answer.count === 1 ? "agent" : "agents"}`,
  );
}

export async function show(id: string, options: ServerOptions, context: CommandContext): Promise<void> {
  const wireId = spiffeIdFlag("the agent's ID", id);
  const { agent, connection } = await withServer(options, context, async (channel) => {
    const found = await channel.unary(agentService.GetAgent, { id: wireId });
    return { agent: found, connection: (await connectionsById(channel)).get(idText(found.id)) };
  });
  if (options.output === "json") context.terminal.out(toJson({ ...agent, connection: connection ?? null }));
  else {
    context.terminal.out(
      facts([
        ["Agent ID", idText(agent.id)],
        ["Attestation", agent.attestation_type],
        ["Can re-attest", yesNo(agent.can_reattest)],
        ["Banned", yesNo(agent.banned)],
        ["SVID expires", time(agent.x509svid_expires_at)],
        ["SVID serial", agent.x509svid_serial_number],
        ["Version", agent.agent_version],
        ["Connected", yesNo(connection?.connected === true)],
        ["Last seen", lastSeen(connection)],
        ["Acknowledged", acknowledged(connection)],
        ["Selectors", agent.selectors.length === 0 ? "none" : agent.selectors.map(selectorText)],
      ]),
    );
  }
}

async function connectionsById(channel: CommandChannel): Promise<Connections> {
  const { connections } = await channel.unary(syncService.ListConnections, {});
  return new Map(connections.map((connection) => [idText(connection.agent_id), connection]));
}

function rowOf(agent: Agent__Output, connection: Connection__Output | undefined): readonly string[] {
  return [
    idText(agent.id),
    agent.attestation_type,
    agent.banned ? "banned" : time(agent.x509svid_expires_at),
    yesNo(connection?.connected === true),
    lastSeen(connection),
    acknowledged(connection),
  ];
}

function yesNo(value: boolean): string {
  return value ? "yes" : "no";
}

function lastSeen(connection: Connection__Output | undefined): string {
  return time(connection?.last_seen ?? 0);
}

/** Position of the change feed that the agent has applied, and how far that is from the newest. */
function acknowledged(connection: Connection__Output | undefined): string {
  if (connection?.acknowledged == null) return "nothing";
  const { acknowledged: at, head } = connection;
  // A foreign epoch means that the agent will get everything anew: the numbers say nothing about each other.
  if (head == null || head.epoch !== at.epoch) return at.n;
  const behind = BigInt(head.n) - BigInt(at.n);
  return behind > 0n ? `${at.n} (${behind} behind)` : `${at.n} (current)`;
}
