import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { LogLevel } from "../../../proto/gen/spire/api/types/LogLevel.ts";
import { bundleService, debugService, loggerService, svidService } from "../../../proto/services.ts";
import { TestServer } from "../../fakes/test-server.ts";

describe("what administrators ask of the server itself", () => {
  let world: TestServer;
  before(async () => {
    world = await TestServer.start();
  });
  after(() => world[Symbol.asyncDispose]());

  it("is its own chain, its uptime, and how much there is", async () => {
    const agent = await world.agent();
    await world.createEntry(agent, "/web");
    const info = await world.admin.unary(debugService.GetInfo, {});
    assert.deepEqual([info.agents_count, info.entries_count, info.federated_bundles_count], [1, 1, 1]);
    assert.deepEqual(
      info.svid_chain.map(({ id }) => id?.path),
      ["/spire/server", ""],
    );
    const [leaf, root] = info.svid_chain;
    assert.ok(Number(leaf?.expires_at) * 1000 > Date.now() && Number(root?.expires_at) >= Number(leaf?.expires_at));
    assert.match(root?.subject ?? "", /O=/);
    assert.ok(info.uptime >= 0 && info.uptime < 60);
  });

  it("is the level of its log, which they change and put back", async () => {
    const { GetLogger, SetLogLevel, ResetLogLevel } = loggerService;
    const levels = async (answer: Promise<{ readonly current_level: number; readonly launch_level: number }>) => {
      const { current_level, launch_level } = await answer;
      return [current_level, launch_level];
    };
    const { DEBUG, ERROR, FATAL, INFO, TRACE, WARN } = LogLevel;
    assert.deepEqual(await levels(world.admin.unary(GetLogger, {})), [INFO, INFO]);
    for (const [asked, given] of [
      [DEBUG, DEBUG],
      [TRACE, DEBUG],
      [WARN, WARN],
      [FATAL, ERROR],
    ] as const) {
      assert.deepEqual(await levels(world.admin.unary(SetLogLevel, { new_level: asked })), [given, INFO]);
    }
    assert.deepEqual(await levels(world.admin.unary(GetLogger, {})), [ERROR, INFO]);
    assert.deepEqual(await levels(world.admin.unary(ResetLogLevel, {})), [INFO, INFO]);
    for (const bytes of [[], [0x08, 0x08]]) {
      const unknown = { ...SetLogLevel, requestSerialize: () => Buffer.from(bytes) };
      await assert.rejects(world.admin.unary(unknown, {}), { code: "ERR_MALFORMED_REQUEST" });
    }
    assert.deepEqual(await levels(world.admin.unary(GetLogger, {})), [INFO, INFO]);
  });

  it("is not for callers over TCP", async () => {
    const agent = await world.agent();
    for (const channel of [world.dial(), world.dialAs(agent)]) {
      await assert.rejects(channel.unary(debugService.GetInfo, {}), { code: "ERR_NOT_AUTHORIZED" });
      await assert.rejects(channel.unary(loggerService.ResetLogLevel, {}), { code: "ERR_NOT_AUTHORIZED" });
    }
  });
});

describe("a server without JWT-SVIDs", () => {
  it("has no JWT keys, says Unimplemented, and issues X.509-SVIDs all the same", async () => {
    await using world = await TestServer.start({ config: { jwtKeyType: undefined } });
    const agent = await world.agent();
    const entryId = await world.createEntry(agent, "/web");
    const { jwt_authorities, x509_authorities } = await world.admin.unary(bundleService.GetBundle, {});
    assert.deepEqual([jwt_authorities.length, x509_authorities.length], [0, 1]);
    await assert.rejects(world.dialAs(agent).unary(svidService.NewJWTSVID, { entry_id: entryId, audience: ["a"] }), {
      code: "ERR_JWT_DISABLED",
      status: "unimplemented",
    });
  });
});
