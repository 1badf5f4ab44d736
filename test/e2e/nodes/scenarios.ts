/** What is expected whichever way agents hear of changes: pushed, or polled. */
import assert from "node:assert/strict";
import { agentIdOf } from "../../env/raw-agent.ts";
import { type ServerOptions, System } from "../../env/system.ts";
import { Watch } from "../../env/watch.ts";

export async function bannedAgentsForget(options: ServerOptions = {}): Promise<void> {
  await using system = await System.start(options);
  const agent = await system.startAgent();
  await system.createEntry(agent, { path: "/web", flags: ["--wait"] });
  await using watch = new Watch(agent.socket);
  await watch.until(({ svids }) => svids[0].id.path === "/web");
  await system.cli("agent", "ban", agentIdOf(system, agent.token));
  await watch.untilProblem(
    ({ code }) => code === "ERR_WORKLOAD_API_DENIED" || code === "ERR_WORKLOAD_API_UNAVAILABLE",
    10_000,
  );
  const fetched = await system.tryAgentCli(agent, "api", "fetch", "x509", "--timeout", "3");
  assert.notEqual(fetched.code, 0);
}
