import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { eventually, WorkloadApiWorld } from "../../test/fakes/workload-api-world.ts";
import { defaultWorkloadApiConfig } from "./config.ts";
import { Hold, HoldTable } from "./hold.ts";

/** Whether `promise` is settled by now. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  return !(await Promise.race([settled, new Promise((resolve) => setImmediate(() => resolve(false)))]));
}

async function heldReader(world: WorkloadApiWorld, timeoutMs?: number) {
  const asked = world.attestation.asked;
  const message = world.watchX509(timeoutMs === undefined ? {} : { timeoutMs }).next();
  // Looked at by whoever awaits it; until then its refusal is not "unhandled".
  message.catch(() => {});
  await eventually(() => world.attestation.asked > asked);
  await world.clock.advance(0);
  return { message };
}

test("WAPI-31: while the agent is current a caller without an entry is held for 2 s, then refused", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const { message } = await heldReader(world);
  await world.clock.advance(1_999);
  assert.equal(await isPending(message), true);
  await world.clock.advance(1);
  await assert.rejects(message, { code: "ERR_NO_IDENTITY" });
});

test("while the agent is not current it is held for 10 s, as its entry may be on the way", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.identities.setCurrent(false);
  const { message } = await heldReader(world);
  await world.clock.advance(9_999);
  assert.equal(await isPending(message), true);
  await world.clock.advance(1);
  await assert.rejects(message, { code: "ERR_NO_IDENTITY" });
});

test("WAPI-13: an entry that comes while the caller is held is answered at once", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const { message } = await heldReader(world);
  await world.clock.advance(1_500);
  world.putWeb();
  assert.equal((await message).svids[0]?.spiffe_id, "spiffe://a.test/web");
});

test("the agent becomes current during the hold: 2 s more, and 10 s at most in all", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.identities.setCurrent(false);
  const { message } = await heldReader(world);
  await world.clock.advance(5_000);
  world.identities.setCurrent(true);
  await world.clock.advance(1_999);
  assert.equal(await isPending(message), true);
  await world.clock.advance(1);
  await assert.rejects(message, { code: "ERR_NO_IDENTITY" });

  const late = new Hold(new HoldTable(defaultWorkloadApiConfig), 0, undefined, world.clock, defaultWorkloadApiConfig);
  assert.equal(late.leftMs(false), 10_000);
  await world.clock.advance(9_000);
  assert.equal(late.leftMs(true), 1_000);
});

test("a hold ends 200 ms before the call's own deadline, so that the caller hears why", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const { message } = await heldReader(world, 60_000);
  await world.clock.advance(2_000);
  await assert.rejects(message, { code: "ERR_NO_IDENTITY" });

  const { message: hurried } = await heldReader(world, 1_000);
  // The caller's own clock is real: what it tells of its deadline is a little less than a second.
  await world.clock.advance(600);
  assert.equal(await isPending(hurried), true);
  await world.clock.advance(200);
  await assert.rejects(hurried, { code: "ERR_NO_IDENTITY" });
});

test("a deadline that leaves no time to hold is refused at once", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  await assert.rejects(world.watchX509({ timeoutMs: 199 }).next(), { code: "ERR_NO_IDENTITY" });
});

test("no more than so many callers of one uid are held; who is served, or gone, is not held any more", async (context) => {
  const world = await WorkloadApiWorld.start(context, { heldCallersPerUid: 2 });
  const first = world.watchX509();
  const firstMessage = first.next();
  firstMessage.catch(() => {});
  await eventually(() => world.attestation.asked === 1);
  const { message: second } = await heldReader(world);
  await assert.rejects(world.watchX509().next(), { code: "ERR_HOLD_LIMIT", status: "unavailable" });
  world.channel.close();
  await assert.rejects(second);
  await assert.rejects(firstMessage);
  await eventually(() => world.api.calls === 0);
});

test("places in the table are per uid and in all, and come free", () => {
  const table = new HoldTable({ ...defaultWorkloadApiConfig, heldCallers: 3, heldCallersPerUid: 2 });
  const leave = table.enter(1);
  table.enter(1);
  assert.throws(() => table.enter(1), { code: "ERR_HOLD_LIMIT" });
  table.enter(2);
  assert.throws(() => table.enter(3), { code: "ERR_HOLD_LIMIT" });
  assert.equal(table.held, 3);
  leave();
  assert.equal(table.held, 2);
  table.enter(3);
  assert.throws(() => table.enter(4), { code: "ERR_HOLD_LIMIT" });
});

test("a caller that was held and is served now holds no place any more", async (context) => {
  const world = await WorkloadApiWorld.start(context, { heldCallersPerUid: 1 });
  const { message: served } = await heldReader(world);
  await assert.rejects(world.watchX509().next(), { code: "ERR_HOLD_LIMIT" });
  world.putWeb();
  await served;
  assert.equal(world.api.calls, 1);
  world.attestation.set("unix:uid:2000");
  const { message: held } = await heldReader(world);
  assert.equal(await isPending(held), true);
});

test("WEP-26: before the agent has its own identity callers are held, then Unavailable, and nobody is attested", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const notReady = { code: "ERR_AGENT_NOT_READY", message: "the agent has no identity yet" };
  world.state = { agentId: undefined, notReady };
  const message = world.watchX509().next();
  message.catch(() => {});
  await eventually(() => world.api.calls === 1);
  await world.clock.advance(9_999);
  assert.equal(await isPending(message), true);
  await world.clock.advance(51);
  await assert.rejects(message, { code: "ERR_AGENT_NOT_READY", status: "unavailable" });
  assert.equal(world.attestation.asked, 0);
});

test("WEP-26: an agent that becomes ready during the hold serves the caller", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  world.state = { agentId: undefined, notReady: { code: "ERR_AGENT_NOT_READY", message: "no identity yet" } };
  const message = world.watchX509().next();
  await eventually(() => world.api.calls === 1);
  await world.clock.advance(3_000);
  world.state = { agentId: undefined, notReady: undefined };
  await world.clock.advance(50);
  assert.equal((await message).svids.length, 1);
});

test("an agent that may not serve says so instead of denying", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const reader = world.watchX509();
  await reader.next();
  world.state = { agentId: undefined, notReady: { code: "ERR_AGENT_BANNED", message: "the agent is banned" } };
  world.identities.remove("web");
  await assert.rejects(reader.next(), { code: "ERR_AGENT_NOT_READY", status: "unavailable" });
});

test("the time of a hold is that of its clock", () => {
  const clock = new FakeClock();
  const hold = new Hold(new HoldTable(defaultWorkloadApiConfig), 0, 1_000, clock, defaultWorkloadApiConfig);
  assert.equal(hold.leftMs(true), 800);
});
