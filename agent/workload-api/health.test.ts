import assert from "node:assert/strict";
import { test } from "node:test";
import { healthService } from "../../proto/services.ts";
import { Reader, WorkloadApiWorld } from "../../test/fakes/workload-api-world.ts";

const notReady = { agentId: undefined, notReady: { code: "ERR_AGENT_NOT_READY", message: "no identity yet" } };

test("health is SERVING while the agent can serve and NOT_SERVING while it cannot", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  for (const service of ["", "SpiffeWorkloadAPI"]) {
    world.state = { agentId: undefined, notReady: undefined };
    assert.equal((await world.channel.unary(healthService.Check, { service })).status, 1);
    world.state = notReady;
    assert.equal((await world.channel.unary(healthService.Check, { service })).status, 2);
  }
});

test("the health of an unknown service is NotFound; watched, it is the status SERVICE_UNKNOWN", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const request = { service: "nobody" };
  await assert.rejects(world.channel.unary(healthService.Check, request), { status: "notFound" });
  const watched = new Reader(world.channel.serverStream(healthService.Watch, request));
  assert.equal((await watched.next()).status, 3);
});

test("a health watcher hears the status at once and each change", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const watched = new Reader(world.channel.serverStream(healthService.Watch, {}));
  assert.equal((await watched.next()).status, 1);
  world.state = notReady;
  const next = watched.next();
  await world.clock.advance(1_000);
  assert.equal((await next).status, 2);
});
