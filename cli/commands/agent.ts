import type { Command } from "commander";
import type { AgentFlags } from "../../agent/index.ts";
import type { ListOptions } from "../agent/show.ts";
import type { CommandContext, Finish } from "../context.ts";
import { type CommonOptions, withAgentSocket, withServerSocket } from "../options.ts";

const runExamples = `
Examples:
  countersign agent run --trust-domain example.org --server 10.0.0.1:8081 --data-dir /var/lib/countersign/agent --join-token TOKEN --bundle bootstrap.pem
  countersign agent run --config /etc/countersign/agent.yaml`;

/** Flags of `agent run` and `agent validate`; names are the settings' names, docs/configuration.md explains them. */
function settingsFlags(command: Command): Command {
  return command
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
    .option("--log-level <level>", "debug, info, warn or error");
}

export function addAgentCommands(program: Command, context: CommandContext, finish: Finish): void {
  const agent = program.command("agent").description("run an agent; see and manage the agents a server knows");
  settingsFlags(
    agent.command("run").description("run the agent on this host").addHelpText("after", runExamples),
  ).action(async (options: AgentFlags) => (await import("../daemons.ts")).runAgentDaemon(options, context, finish));
  settingsFlags(agent.command("validate").description("check settings without starting")).action(
    async (options: AgentFlags) => (await import("../daemons.ts")).validateAgent(options, context),
  );
  withAgentSocket(agent.command("healthcheck").description("ask a running agent whether it serves"), context).action(
    async (options: CommonOptions) =>
      (await import("../healthcheck.ts")).healthcheck("agent", options, context, finish),
  );
  withServerSocket(
    agent
      .command("list")
      .description("the agents the server knows, with their connection")
      .option("--attestation-type <type>", "only those attested this way")
      .option("--banned", "only banned ones"),
    context,
  ).action(async (options: ListOptions) => (await import("../agent/show.ts")).list(options, context));
  withServerSocket(agent.command("count").description("how many agents the server knows"), context).action(
    async (options: CommonOptions) => (await import("../agent/show.ts")).count(options, context),
  );
  withServerSocket(agent.command("show <spiffe-id>").description("one agent in full"), context).action(
    async (id: string, options: CommonOptions) => (await import("../agent/show.ts")).show(id, options, context),
  );
  withServerSocket(
    agent.command("ban <spiffe-id>").description("refuse an agent for good; it wipes its identities (undo: evict)"),
    context,
  ).action(async (id: string, options: CommonOptions) =>
    (await import("../agent/remove.ts")).ban(id, options, context),
  );
  withServerSocket(
    agent.command("evict <spiffe-id>").description("forget an agent; it may attest again"),
    context,
  ).action(async (id: string, options: CommonOptions) =>
    (await import("../agent/remove.ts")).evict(id, options, context),
  );
}
