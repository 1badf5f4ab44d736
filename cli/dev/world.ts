import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadAgentConfig, startAgent } from "../../agent/index.ts";
import { encodePem } from "../../certs/index.ts";
import { agentService } from "../../proto/services.ts";
import { systemClock, systemRandom } from "../../runtime/core/index.ts";
import { type HostLogger, unexposedMetrics } from "../../runtime/host/index.ts";
import { WorkloadApiClient } from "../../sdk/index.ts";
import { loadServerConfig } from "../../server/index.ts";
import { startOnHost } from "../../server/main.ts";
import { type CommandChannel, withChannel } from "../connect.ts";
import { createEntries, succeeded } from "../entry/mutations.ts";
import { cliErrorSpecs } from "../errors.ts";
import { CommandError, exitCodes } from "../exit-codes.ts";
import { version } from "../version.ts";
import type { DevPlan } from "./options.ts";

/** A server and an agent in this process, with entries; all of it ends with the process at the latest. */
export interface DevWorld extends AsyncDisposable {
  /** `unix:///…` of the Workload API. */
  readonly endpoint: string;
  /** Path of the server's admin socket. */
  readonly serverSocket: string;
  /** Rejects when the server or the agent cannot go on. */
  readonly failed: Promise<never>;
}

const parent = "/countersign-dev/host";
const readyWithinMs = 20_000;

/** Where a world's operators call its server. */
export function serverSocketOf(folder: string): string {
  return join(folder, "server", "admin.sock");
}

/** Resolves once this user's processes get their SVIDs. `folder`: for this user alone. */
export async function startWorld(plan: DevPlan, folder: string, logger: HostLogger, uid: number): Promise<DevWorld> {
  await using stack = new AsyncDisposableStack();
  const socket = serverSocketOf(folder);
  const { server, adapters } = await openServer(plan, folder, socket, logger, uid);
  stack.use(adapters);
  stack.use(server);
  const bundle = join(folder, "bundle.pem");
  const authorities = server.core.authorities.bundle.x509Authorities;
  writeFileSync(bundle, authorities.map(({ certificate }) => encodePem("CERTIFICATE", certificate.der)).join(""));
  const joinToken = await withChannel(socket, "server", (channel) => register(channel, plan));
  const agent = stack.use(await openAgent(plan, { folder, address: server.tcp, bundle, joinToken, logger, uid }));
  const endpoint = `unix://${agent.socketPath}`;
  const ended = agent.ended.then(() => Promise.reject(new Error("the agent has ended")));
  ended.catch(() => {});
  const failed = Promise.race([server.failed, ended]);
  failed.catch(() => {});
  await Promise.race([ownSvids(endpoint, plan, uid), failed]);
  const parts = stack.move();
  return { endpoint, serverSocket: socket, failed, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

async function openServer(plan: DevPlan, folder: string, socket: string, logger: HostLogger, uid: number) {
  const { trustDomain, x509TtlSeconds } = plan;
  const flags = { trustDomain: trustDomain.name, dataDir: join(folder, "server"), bind: "127.0.0.1:0", socket };
  // Not of this process: what is set there is meant for other servers.
  const env = {
    COUNTERSIGN_SERVER_KEY_MANAGER: "memory",
    COUNTERSIGN_SERVER_AGENT_TTL: "1h",
    ...(x509TtlSeconds === undefined ? {} : { COUNTERSIGN_SERVER_DEFAULT_X509_SVID_TTL: `${x509TtlSeconds}s` }),
  };
  const config = await loadServerConfig({ flags, env, uid });
  const program = { flags, env, uid, version, pid: process.pid, openIdentity: noIdentity };
  await using adapters = new AsyncDisposableStack();
  const server = await startOnHost(config, program, { logger, metrics: unexposedMetrics, adapters });
  return { server, adapters: adapters.move() };
}

function noIdentity(): Promise<never> {
  return Promise.reject(new Error("there is no authority above"));
}

interface AgentPlace {
  readonly folder: string;
  readonly address: { readonly host: string; readonly port: number };
  readonly bundle: string;
  readonly joinToken: string;
  readonly logger: HostLogger;
  readonly uid: number;
}

async function openAgent({ trustDomain }: DevPlan, { folder, address, bundle, joinToken, logger, uid }: AgentPlace) {
  const config = await loadAgentConfig({
    flags: {
      trustDomain: trustDomain.name,
      server: `${address.host}:${address.port}`,
      dataDir: join(folder, "agent"),
      socket: join(folder, "agent.sock"),
      joinToken,
      bundle,
    },
    env: {},
    uid,
  });
  const surroundings = { clock: systemClock, random: systemRandom, logger, log: logger, metrics: unexposedMetrics };
  return startAgent(config, { ...surroundings, version });
}

/** The join token with which the agent becomes the parent of the entries. */
async function register(channel: CommandChannel, { trustDomain, identities }: DevPlan): Promise<string> {
  const parentId = { trust_domain: trustDomain.name, path: parent };
  const token = await channel.unary(agentService.CreateJoinToken, { ttl: 600, token: "", agent_id: parentId });
  const entries = identities.map(({ id, selectors }) => ({
    spiffe_id: { trust_domain: trustDomain.name, path: id.path },
    parent_id: parentId,
    selectors: [...selectors],
  }));
  for (const result of await createEntries(channel, entries)) {
    if (succeeded(result)) continue;
    const message = `an identity was refused: ${result.status.message}`;
    throw new CommandError(exitCodes.refused, message, { code: "ERR_USAGE", hint: "correct --entry or --spiffe-id" });
  }
  return token.value;
}

/** This process is one of the user's: what it gets, the others get. Entries arrive at the agent one after the other. */
async function ownSvids(endpoint: string, { identities }: DevPlan, uid: number): Promise<void> {
  const own = identities.filter(({ selectors }) =>
    selectors.every(({ type, value }) => `${type}:${value}` === `unix:uid:${uid}`),
  );
  await using client = WorkloadApiClient.create({ endpoint });
  const late = new AbortController();
  const timer = systemClock.setTimer(readyWithinMs, () => late.abort());
  try {
    for await (const { svids } of client.watchX509Context({ signal: late.signal })) {
      if (svids.length >= own.length) return;
    }
  } finally {
    timer.cancel();
  }
  throw new CommandError(exitCodes.refused, "the identities did not come in time", {
    code: "ERR_DEV_NOT_STARTED",
    hint: cliErrorSpecs.ERR_DEV_NOT_STARTED.fix,
  });
}
