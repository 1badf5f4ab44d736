import type { Command } from "commander";
import type { AgentFlags } from "../../agent/index.ts";
import { clientSocketPath } from "../../runtime/host/default-sockets.ts";
import type { FilterOptions } from "../agent/filter.ts";
import type { PurgeOptions } from "../agent/purge.ts";
import type { ConnectionsOptions, ListOptions } from "../agent/show.ts";
import type { CommandContext, Finish } from "../context.ts";
import type { DaemonOptions } from "../daemons.ts";
import type { FilesFlags } from "../files/config/load.ts";
import {
  type CommonOptions,
  collect,
  matchingOption,
  parseLife,
  parseYesNo,
  withAgentSocket,
  withOutput,
  withServerSocket,
} from "../options.ts";
import { withExamples } from "./examples.ts";

const exampleId = "spiffe://example.org/spire/agent/join_token/TOKEN";

export function addAgentCommands(program: Command, context: CommandContext, finish: Finish): Command {
  const agent = program.command("agent").description("run an agent; see and manage the agents a server knows");
  addDaemon(agent, context, finish);
  addLooks(agent, context);
  addRemovals(agent, context, finish);
  addWriteFiles(agent, context, finish);
  return agent;
}

/** Flags of `agent run` and `agent validate`; names are the settings' names, docs/configuration.md explains them. */
function settingsFlags(command: Command): Command {
  return withOutput(
    command
      .option("--config <file>", "settings in YAML; flags and COUNTERSIGN_AGENT_… variables win over it")
      .option("--trust-domain <name>", "the trust domain this agent belongs to")
      .option("--server <host:port>", "the server to attest to")
      .option("--data-dir <folder>", "where the agent keeps its key and state")
      .option("--socket <path>", "where to serve the Workload API")
      .option("--join-token <token>", "prove this node once with a join token")
      .option("--join-token-file <file>", "the same, from a file that others cannot read")
      .option("--bundle <file>", "trust bundle to know the server by (PEM or SPIFFE JSON)")
      .option("--bundle-url <url>", "trust bundle from an https URL")
      .option("--insecure-bootstrap", "trust the first server seen; only for trying things out")
      .option("--log-level <level>", "debug, info, warn or error"),
  );
}

function addDaemon(agent: Command, context: CommandContext, finish: Finish): void {
  withExamples(
    settingsFlags(agent.command("run").description("run the agent on this host")),
    "agent run --trust-domain example.org --server 10.0.0.1:8081 --data-dir /var/lib/countersign/agent --join-token TOKEN --bundle bootstrap.pem",
    "agent run --config /etc/countersign/agent.yaml",
  ).action(async (options: AgentFlags) => (await import("../daemons.ts")).runAgentDaemon(options, context, finish));
  withExamples(
    settingsFlags(agent.command("validate").description("check the agent's settings without starting")),
    "agent validate --config /etc/countersign/agent.yaml",
  ).action(async (options: AgentFlags & DaemonOptions) =>
    (await import("../daemons.ts")).validateAgent(options, context),
  );
  withExamples(
    withAgentSocket(agent.command("healthcheck").description("ask a running agent whether it serves"), context),
    "agent healthcheck --socket /run/countersign/agent/public/api.sock",
  ).action(async (options: CommonOptions) =>
    (await import("../healthcheck.ts")).healthcheck("agent", options, context, finish),
  );
}

function filterFlags(command: Command): Command {
  return command
    .option("--selector <type:value>", "only with these node selectors; repeat for more", collect)
    .addOption(matchingOption("--match-selectors-on", "how the selectors given must match"))
    .option("--attestation-type <type>", "only those attested this way")
    .option("--banned [true|false]", "only banned ones, or only others", parseYesNo)
    .option("--can-reattest [true|false]", "only those that can attest again by themselves, or only others", parseYesNo)
    .option("--expires-before <time>", "only whose SVID ends before, e.g. 2026-01-31T12:00:00Z");
}

function addLooks(agent: Command, context: CommandContext): void {
  const connections = "add to the JSON who is connected and how far each is";
  const list = filterFlags(agent.command("list"))
    .description("the agents the server knows: connection, last seen, acknowledged position")
    .option("--connections", connections);
  withExamples(
    withServerSocket(list, context),
    "agent list",
    "agent list --banned --output json",
    "agent list --expires-before 2026-01-31 --can-reattest false",
  ).action(async (options: ListOptions) => (await import("../agent/show.ts")).list(options, context));
  withExamples(
    withServerSocket(filterFlags(agent.command("count").description("how many agents the server knows")), context),
    "agent count",
    "agent count --attestation-type x509pop",
  ).action(async (options: FilterOptions) => (await import("../agent/show.ts")).count(options, context));
  const show = agent.command("show <spiffe-id>").description("one agent in full").option("--connections", connections);
  withExamples(withServerSocket(show, context), `agent show ${exampleId}`).action(
    async (id: string, options: ConnectionsOptions) => (await import("../agent/show.ts")).show(id, options, context),
  );
}

function addRemovals(agent: Command, context: CommandContext, finish: Finish): void {
  const purge = agent
    .command("purge")
    .description("forget agents that expired long ago and can attest again by themselves; never banned ones")
    .option("--expired-for <life>", "only whose SVID expired at least this long ago", parseLife, 2_592_000)
    .option("--dry-run", "only show them");
  withExamples(withServerSocket(purge, context), "agent purge --dry-run", "agent purge --expired-for 7d").action(
    async (options: PurgeOptions) => (await import("../agent/purge.ts")).purge(options, context, finish),
  );
  const ban = agent
    .command("ban <spiffe-id>")
    .description("refuse an agent for good; it wipes its identities (undo: evict)");
  withExamples(withServerSocket(ban, context), `agent ban ${exampleId}`).action(
    async (id: string, options: CommonOptions) => (await import("../agent/remove.ts")).ban(id, options, context),
  );
  const evict = agent
    .command("evict <spiffe-id>")
    .description("forget an agent; it may attest again (with a new token, if by token)");
  withExamples(withServerSocket(evict, context), `agent evict ${exampleId}`).action(
    async (id: string, options: CommonOptions) => (await import("../agent/remove.ts")).evict(id, options, context),
  );
}

/** Names are those of settings (docs/files-bridge.md), which have more. */
function addWriteFiles(agent: Command, context: CommandContext, finish: Finish): void {
  const { environment, uid } = context;
  const defaultSocket =
    environment["COUNTERSIGN_AGENT_SOCKET"] ??
    environment["SPIFFE_ENDPOINT_SOCKET"] ??
    clientSocketPath("agent", environment, uid);
  const command = agent
    .command("write-files")
    .description("keep SVIDs, keys and bundles in files for programs that only read files; tell them of changes")
    .argument("[command...]", "after --: run once the files are there, told of changes with --renew-signal")
    .option("--config <file>", "settings in YAML, or spiffe-helper's (any name that does not end in .yaml)")
    .option("--dir <folder>", "folder of the files")
    .option("--socket <path>", "the Workload API (also SPIFFE_ENDPOINT_SOCKET)")
    .option("--once", "write everything and end; exit code 4 when it does not come in time")
    .option("--timeout <life>", "how long --once waits, e.g. 30s")
    .option("--daemon-mode <true|false>", "spiffe-helper's flag: false is --once")
    .option("--layout <how>", "swap: all files change at once, behind links; files: each by itself")
    .option("--svid <name>", "file of the chain (svid.pem when no file is named)")
    .option("--key <name>", "file of the key (svid_key.pem when no file is named)")
    .option("--bundle <name>", "file of the bundle (svid_bundle.pem when no file is named)")
    .option("--combined <name>", "file of key and chain in one")
    .option("--bundles <name>", "folder of a PEM file and a SPIFFE document for each trust domain")
    .option("--jwt <file=audience>", "file of a JWT-SVID for an audience, or several with commas; repeat", collect)
    .option("--jwt-bundle <name>", "file of the JWT bundles")
    .option("--spiffe-id <id>", "which identity, when there are several")
    .option("--hint <text>", "the same, by the entry's hint")
    .option("--pid-file <file>", "send --renew-signal to the process whose id is there")
    .option("--renew-signal <name>", "e.g. SIGHUP")
    .option("--notify-url <url>", "POST there when files change")
    .option("--log-level <level>", "debug, info, warn or error");
  withExamples(
    withOutput(command),
    "agent write-files --dir /run/web/identity --once --timeout 60s",
    "agent write-files --dir /run/web/identity --pid-file /run/nginx.pid --renew-signal SIGHUP",
    "agent write-files --dir /run/db/identity --combined svid_and_key.pem --bundle ca.pem -- /usr/sbin/db",
    "agent write-files --config helper.conf",
  ).action(async (words: readonly string[], options: FilesFlags & DaemonOptions) =>
    (await import("../files/write-files.ts")).writeFiles(words, { ...options, defaultSocket }, context, finish),
  );
}
