import type { Connection__Output } from "../../proto/gen/countersign/server/sync/v1/Connection.ts";
import type { Agent__Output } from "../../proto/gen/spire/api/types/Agent.ts";
import { agentService, syncService } from "../../proto/services.ts";
import { ServiceError } from "../../transport/index.ts";
import { type CommandChannel, withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { ServerOptions } from "../options.ts";
import { facts, time, toJson } from "../output.ts";
import { table } from "../table.ts";
import { idText, selectorText, spiffeIdFlag } from "../wire.ts";
import { everyAgent, type FilterOptions, filterOf } from "./filter.ts";

export interface ListOptions extends FilterOptions, ConnectionsOptions {}

export interface ConnectionsOptions extends ServerOptions {
  /** Adds to the JSON what SPIRE does not know: who is connected, and how far each is. */
  readonly connections?: boolean;
}

type Connections = ReadonlyMap<string, Connection__Output>;

export async function list(options: ListOptions, context: CommandContext): Promise<void> {
  const { terminal } = context;
  const filter = filterOf(options);
  const { agents, connections } = await withServer(options, context, async (channel) => {
    const found = await everyAgent(channel, filter);
    return { agents: found, connections: await connectionsFor(channel, options) };
  });
  if (options.output === "json") {
    const more = options.connections === true ? { connections: [...connections.values()] } : {};
    terminal.out(toJson({ agents, next_page_token: "", ...more }));
  } else if (agents.length === 0) terminal.out("no agents");
  else {
    const head = ["AGENT ID", "ATTESTATION", "SVID EXPIRES", "CONNECTED", "LAST SEEN", "ACKNOWLEDGED"];
    const rows = agents.map((agent) => rowOf(agent, connections.get(idText(agent.id))));
    terminal.out(table(terminal, head, rows));
  }
}

export async function count(options: FilterOptions, context: CommandContext): Promise<void> {
  const filter = filterOf(options);
  const answer = await withServer(options, context, (channel) => channel.unary(agentService.CountAgents, { filter }));
  context.terminal.out(
    options.output === "json" ? toJson(answer) : `${answer.count} ${answer.count === 1 ? "agent" : "agents"}`,
  );
}

export async function show(id: string, options: ConnectionsOptions, context: CommandContext): Promise<void> {
  const { terminal } = context;
  const wireId = spiffeIdFlag("the agent's ID", id);
  const { agent, connection } = await withServer(options, context, async (channel) => {
    const found = await channel.unary(agentService.GetAgent, { id: wireId });
    return { agent: found, connection: (await connectionsFor(channel, options)).get(idText(found.id)) };
  });
  if (options.output === "json") terminal.out(toJson(connection === undefined ? agent : { ...agent, connection }));
  else {
    terminal.out(
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

/** A SPIRE server knows no such thing: nobody is connected to it. */
async function connectionsFor(channel: CommandChannel, options: ConnectionsOptions): Promise<Connections> {
  if (options.output === "json" && options.connections !== true) return new Map();
  try {
    const { connections } = await channel.unary(syncService.ListConnections, {});
    return new Map(connections.map((connection) => [idText(connection.agent_id), connection]));
  } catch (error) {
    if (error instanceof ServiceError && error.status === "unimplemented") return new Map();
    throw error;
  }
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
