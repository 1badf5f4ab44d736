import assert from "node:assert/strict";
import { connect } from "node:http2";
import { connect as connectSocket } from "node:net";
import { test } from "node:test";
import { workloadApiService } from "../../proto/services.ts";
import { Selector } from "../../spiffe/index.ts";
import { FakeProcess } from "../../test/fakes/callers.ts";
import { FakeClock, settle } from "../../test/fakes/fake-clock.ts";
import { eventually, header, WorkloadApiWorld } from "../../test/fakes/workload-api-world.ts";
import { frameMessage } from "../../transport/grpc/frame.ts";
import type { RpcContext, RpcRouter } from "../../transport/index.ts";
import { workloadAttestationErrors } from "../attestation/workload/index.ts";
import { Turnstile } from "./turnstile.ts";

test("WAPI-98: every message is sent to a caller just attested; one that has become another gets what that one may have", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const other = { entryId: "other", path: "/other", selectors: ["unix:uid:2000"] };
  world.identities.put(other, { entryId: "web", path: "/web", selectors: ["unix:uid:1000"] });
  const reader = world.watchX509();
  assert.equal((await reader.next()).svids[0]?.spiffe_id, "spiffe://a.test/web");
  world.attestation.set("unix:uid:2000");
  world.identities.rotate();
  assert.equal((await reader.next()).svids[0]?.spiffe_id, "spiffe://a.test/other");
  assert.equal(world.identities.subscriptions, 1);
});

test("WAPI-98: a caller that is not entitled any more when an update comes gets PermissionDenied in its place", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const reader = world.watchX509();
  await reader.next();
  world.attestation.set("unix:uid:2000");
  world.identities.rotate();
  await assert.rejects(reader.next(), { code: "ERR_NO_IDENTITY", status: "permissionDenied" });
});

test("WEP-26: an attestation that fails is Unavailable, at the start and before an update", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const reader = world.watchX509();
  await reader.next();
  world.attestation.failure = workloadAttestationErrors.error("ERR_ATTESTOR_TIMEOUT", "no answer");
  await assert.rejects(world.watchX509().next(), { code: "ERR_ATTESTOR_TIMEOUT", status: "unavailable" });
  world.identities.rotate();
  await assert.rejects(reader.next(), { code: "ERR_ATTESTOR_TIMEOUT", status: "unavailable" });
  await eventually(() => world.identities.subscriptions === 0);
});

test("an entry that asks for a new kind of selector has held and open callers attested again at once", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const reader = world.watchX509();
  await reader.next();
  world.attestation.set("unix:uid:1000", "unix:sha256:00");
  world.attestation.hasNewInterest = true;
  world.identities.put({ entryId: "exact", path: "/exact", selectors: ["unix:sha256:00"] });
  const { svids } = await reader.next();
  assert.deepEqual(
    svids.map(({ spiffe_id }) => spiffe_id),
    ["spiffe://a.test/web", "spiffe://a.test/exact"],
  );
});

test("entries that ask for nothing new, and change no view, have nobody attested again", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  await world.watchX509().next();
  await settle(20);
  const asked = world.attestation.asked;
  world.identities.announceEntries();
  await settle(50);
  assert.equal(world.attestation.asked, asked);
  world.attestation.hasNewInterest = true;
  world.identities.announceEntries();
  await eventually(() => world.attestation.asked === asked + 1);
});

test("WEP-26: at a stop every open stream and every held caller ends with Unavailable, never with OK; so do later calls", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const readers = [world.watchX509(), world.watchX509Bundles(), world.watchJwtBundles()];
  for (const reader of readers) await reader.next();
  const last = readers.map((reader) =>
    assert.rejects(reader.next(), { code: "ERR_AGENT_STOPPING", status: "unavailable" }),
  );
  world.attestation.set("unix:uid:2000");
  const asked = world.attestation.asked;
  const held = assert.rejects(world.watchX509().next(), { code: "ERR_AGENT_STOPPING" });
  await eventually(() => world.attestation.asked > asked);
  world.api[Symbol.dispose]();
  await Promise.all([...last, held]);
  await assert.rejects(world.watchX509().next(), { code: "ERR_AGENT_STOPPING" });
  assert.equal(world.identities.subscriptions, 0);
  assert.equal(world.api.calls, 0);
});

test("WAPI-08: a client that goes leaves nothing behind", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const reader = world.watchX509();
  await reader.next();
  assert.equal(world.identities.subscriptions, 1);
  await reader.cancel();
  await eventually(() => world.api.calls === 0);
  assert.equal(world.identities.subscriptions, 0);
});

test("a caller whose process is gone is found by the sweep, within 30 s", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const process = new FakeProcess(4_242);
  const { context: call, ended, sent } = fakeCall(process);
  const refused = { code: "ERR_CALLER_GONE", status: "permissionDenied" };
  const handler = assert.rejects(watching(world.router, call), refused);
  await eventually(() => sent.length === 1);
  await world.clock.advance(29_999);
  assert.equal(world.api.calls, 1);
  process.isGone = true;
  await world.clock.advance(1);
  await handler;
  assert.equal(world.api.calls, 0);
  assert.equal(ended.aborted, false);
});

test("the sweep leaves callers alone whose process runs", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const reader = world.watchX509();
  await reader.next();
  await world.clock.advance(300_000);
  assert.equal(world.api.calls, 1);
});

test("a caller outside the agent's PID namespace (pid 0, which comes with uid 0) is refused", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const { context: call } = fakeCall(new FakeProcess(0));
  await assert.rejects(watching(world.router, call), { code: "ERR_CALLER_UNKNOWN", status: "permissionDenied" });
  assert.equal(world.attestation.asked, 0);
});

test("a slow reader gets the newest state when it reads again, not a queue of old ones", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const { context: call, sent, unblock } = fakeCall(new FakeProcess(process.pid), { isBlocked: true });
  const handler = watching(world.router, call);
  handler.catch(() => {});
  await eventually(() => sent.length === 1);
  for (let rotation = 0; rotation < 100; rotation += 1) {
    world.identities.rotate();
    await settle(1);
  }
  assert.equal(sent.length, 1);
  unblock();
  await eventually(() => sent.length === 2);
  await settle(20);
  assert.equal(sent.length, 2);
  const newest = await world.watchX509().next();
  const bytes = sent[1] ?? Buffer.alloc(0);
  assert.deepEqual(workloadApiService.FetchX509SVID.responseDeserialize(Buffer.from(bytes)), newest);
});

test("a reader that does not read at all is ended by a stop all the same", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const { context: call, sent } = fakeCall(new FakeProcess(process.pid), { isBlocked: true });
  const handler = assert.rejects(watching(world.router, call), { code: "ERR_AGENT_STOPPING" });
  await eventually(() => sent.length === 1);
  world.api[Symbol.dispose]();
  await handler;
});

test("all watchers of one selector set are sent the same bytes, encoded once", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const calls = Array.from({ length: 3 }, () => fakeCall(new FakeProcess(process.pid)));
  for (const { context: call } of calls) watching(world.router, call).catch(() => {});
  await eventually(() => calls.every(({ sent }) => sent.length === 1));
  assert.equal(new Set(calls.map(({ sent }) => sent[0])).size, 1);
});

test("WAPI-14: a wide update is served in portions, so that the event loop turns in between", async () => {
  const clock = new FakeClock();
  const turnstile = new Turnstile(clock, { perTurn: 2, perUid: 2 });
  const passed: number[] = [];
  const pass = async (index: number): Promise<void> => {
    await turnstile.take(1000);
    passed.push(index);
  };
  const all = Promise.all([0, 1, 2, 3, 4].map(pass));
  await settle();
  assert.deepEqual(passed, [0, 1]);
  await clock.advance(0);
  await all;
  assert.deepEqual(passed, [0, 1, 2, 3, 4]);
  assert.equal(turnstile.take(1000), undefined);
});

test("calls of one uid that come all at once keep no other uid waiting", async () => {
  const clock = new FakeClock();
  const turnstile = new Turnstile(clock, { perTurn: 4, perUid: 2 });
  const passed: string[] = [];
  const pass = async (uid: number, index: number): Promise<void> => {
    await turnstile.take(uid);
    passed.push(`${uid}.${index}`);
  };
  const flood = Array.from({ length: 10 }, (_, index) => pass(1, index));
  await settle();
  assert.deepEqual(passed, ["1.0", "1.1"]);
  const others = [pass(2, 0), pass(3, 0), pass(4, 0)];
  await settle();
  // There is room for two more in this turn, and the flooding uid may not have it.
  assert.deepEqual(passed, ["1.0", "1.1", "2.0", "3.0"]);
  clock.setTimer(0, () => passed.push("turn"));
  await clock.advance(0);
  await Promise.all([...flood, ...others]);
  assert.ok(passed.indexOf("4.0") < passed.indexOf("1.4"), passed.join());
  assert.equal(clock.pendingTimers, 0);
});

test("an uid that waits is let through in each turn, however many others do", async () => {
  const clock = new FakeClock();
  const turnstile = new Turnstile(clock, { perTurn: 2, perUid: 1 });
  const passed: number[] = [];
  const all = [1, 2, 3, 4, 5, 1, 2].map(async (uid) => {
    await turnstile.take(uid);
    passed.push(uid);
  });
  await clock.advance(0);
  await Promise.all(all);
  assert.deepEqual(passed, [1, 2, 3, 4, 5, 1, 2]);
});

test("WAPI-45: unknown fields of an empty request are ignored", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const session = connect("http://localhost", { createConnection: () => connectSocket(world.path) });
  context.after(() => session.destroy());
  const stream = session.request({
    ":method": "POST",
    ":path": "/SpiffeWorkloadAPI/FetchX509SVID",
    "content-type": "application/grpc",
    te: "trailers",
    ...header,
  });
  // Field 15, varint 1.
  stream.end(frameMessage(Uint8Array.of(0x78, 0x01)));
  const [chunk] = await new Promise<readonly [Buffer]>((resolve) =>
    stream.once("data", (data: Buffer) => resolve([data])),
  );
  const message = workloadApiService.FetchX509SVID.responseDeserialize(chunk.subarray(5));
  assert.equal(message.svids.length, 1);
});

interface FakeCall {
  readonly context: RpcContext;
  readonly sent: Uint8Array[];
  readonly ended: AbortSignal;
  unblock(): void;
}

/** A call without a connection: the test decides about the process behind it and when its reader reads. */
function fakeCall(process: FakeProcess, { isBlocked = false }: { readonly isBlocked?: boolean } = {}): FakeCall {
  const sent: Uint8Array[] = [];
  const controller = new AbortController();
  let unblock = (): void => {};
  const gate = isBlocked
    ? new Promise<void>((resolve) => {
        unblock = resolve;
      })
    : Promise.resolve();
  const context: RpcContext = {
    method: "/SpiffeWorkloadAPI/FetchX509SVID",
    peer: { kind: "unix", connectionId: "1", pid: process.pid, uid: 1_000, gid: 1_000, groups: [], process },
    requestId: "request",
    signal: controller.signal,
    deadlineLeftMs: () => undefined,
    metadata: (key) => (key === "workload.spiffe.io" ? ["true"] : []),
  };
  sinks.set(context, { sent, gate });
  return { context, sent, ended: controller.signal, unblock: () => unblock() };
}

const sinks = new WeakMap<RpcContext, { readonly sent: Uint8Array[]; readonly gate: Promise<void> }>();

function watching(router: RpcRouter, context: RpcContext): Promise<void> {
  const sink = sinks.get(context);
  const method = router.method(context.method);
  assert.ok(sink !== undefined && method !== undefined);
  return method.run({
    context,
    isOver: false,
    request: async () => Buffer.alloc(0),
    requests: async function* () {},
    send: async (message) => {
      sink.sent.push(message);
      await sink.gate;
    },
    answer: () => {},
  });
}

test("selectors are compared by identity: equal selectors in a new array open no second subscription for long", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  const reader = world.watchX509();
  await reader.next();
  world.attestation.selectors = [Selector.parse("unix:uid:1000")];
  world.identities.rotate();
  await reader.next();
  assert.equal(world.identities.subscriptions, 1);
});
