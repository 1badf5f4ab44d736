import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { LogLevel } from "../../proto/gen/spire/api/types/LogLevel.ts";
import { agentDebugService, agentLoggerService, workloadApiService } from "../../proto/services.ts";
import { AgentStand } from "../../test/fakes/agent-stand.ts";
import { selectors } from "../../test/fakes/agent-world.ts";
import { dialUnix, type RpcChannel } from "../../transport/index.ts";

async function adminStand(): Promise<{
  readonly stand: AgentStand;
  readonly admin: RpcChannel;
  readonly path: string;
}> {
  const stand = await AgentStand.create();
  const path = join(stand.folder, "admin", "admin.sock");
  stand.config = { ...stand.config, adminSocketPath: path };
  return { stand, admin: dialUnix({ path }), path };
}

describe("the agent's admin socket", () => {
  it("tells who the agent is, since when, what it holds and when it last heard of the server", async () => {
    const { stand: made, admin, path } = await adminStand();
    await using stand = made;
    const uid = process.getuid?.() ?? 0;
    stand.server.putEntry({ spiffeId: "spiffe://example.org/web", selectors: selectors(`unix:uid:${uid}`) });
    await using agent = await stand.start();
    await agent.ready;
    await stand.fetch();
    const info = await admin.unary(agentDebugService.GetInfo, {});
    assert.deepEqual(
      info.svid_chain.map(({ id }) => id?.path),
      ["/spire/agent/join_token/token-1", ""],
    );
    assert.ok(Number(info.svid_chain[0]?.expires_at) > Date.now() / 1000);
    assert.equal(info.cached_x509_svids_count, 1);
    assert.equal(info.svids_count, 1);
    assert.ok(Math.abs(Number(info.last_sync_success) - Date.now() / 1000) < 5);
    assert.equal((await stat(path)).mode & 0o777, 0o770);
    admin.close();
  });

  it("answers Unavailable before the agent has an identity", async () => {
    const { stand: made, admin } = await adminStand();
    await using stand = made;
    stand.server.isDown = true;
    await using _agent = await stand.start();
    await assert.rejects(admin.unary(agentDebugService.GetInfo, {}), { code: "ERR_AGENT_NOT_READY" });
    admin.close();
  });

  it("shows, sets and resets the log level, and refuses what is none", async () => {
    const { stand: made, admin } = await adminStand();
    await using stand = made;
    await using _agent = await stand.start();
    const { INFO, DEBUG, TRACE, UNSPECIFIED } = LogLevel;
    const levels = async (answer: Promise<{ current_level: number; launch_level: number }>) => {
      const { current_level, launch_level } = await answer;
      return [current_level, launch_level];
    };
    assert.deepEqual(await levels(admin.unary(agentLoggerService.GetLogger, {})), [INFO, INFO]);
    assert.deepEqual(await levels(admin.unary(agentLoggerService.SetLogLevel, { new_level: TRACE })), [DEBUG, INFO]);
    assert.equal(stand.log.level, "debug");
    const none = admin.unary(agentLoggerService.SetLogLevel, { new_level: UNSPECIFIED });
    await assert.rejects(none, { status: "invalidArgument" });
    assert.equal(stand.log.level, "debug");
    assert.deepEqual(await levels(admin.unary(agentLoggerService.ResetLogLevel, {})), [INFO, INFO]);
    admin.close();
  });

  it("serves no workload, and the workload socket serves no admin", async () => {
    const { stand: made, admin } = await adminStand();
    await using stand = made;
    await using agent = await stand.start();
    await agent.ready;
    const metadata = { "workload.spiffe.io": "true" };
    const fetched = admin.unary(workloadApiService.FetchJWTSVID, { audience: ["a"] }, { metadata });
    await assert.rejects(fetched, { status: "unimplemented" });
    const workloads = dialUnix({ path: stand.config.socketPath });
    await assert.rejects(workloads.unary(agentDebugService.GetInfo, {}, { metadata }), { status: "unimplemented" });
    await assert.rejects(workloads.unary(agentLoggerService.GetLogger, {}, { metadata }), { status: "unimplemented" });
    workloads.close();
    admin.close();
  });
});
