import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import { settle } from "../../test/fakes/fake-clock.ts";
import { agentId, entryItem, entryOf, exampleTrustDomain, nodeItem, nodeOf } from "../../test/fakes/server-values.ts";
import { ServiceWorld } from "../../test/fakes/service-world.ts";
import { TestAuthority } from "../../test/fakes/test-authority.ts";
import type { Caller, CallerClass } from "../authorization/index.ts";
import { serverErrors } from "../errors.ts";
import type { RpcDeclaration } from "./rpc.ts";

function declaration(callers: readonly CallerClass[], parts: Partial<RpcDeclaration<string, string>> = {}) {
  return { method: "/test.v1.Test/Do", callers, audit: { kind: "change" as const }, ...parts };
}

function call(world: ServiceWorld, caller: Caller, rpc = declaration(["agent"]), request = "x"): Promise<string> {
  return world.gate.run(
    rpc,
    caller,
    world.context(),
    () => request,
    async (value, { as }) => `${as}:${value}`,
  );
}

/** A stream that only ends when it is ended. */
function stream(
  world: ServiceWorld,
  caller: Caller,
  rpc = declaration(["agent"], { isStream: true }),
): Promise<string> {
  return world.gate.run(
    rpc,
    caller,
    world.context(),
    () => "x",
    () => new Promise<never>(() => {}),
  );
}

const storeDown = serverErrors.error("ERR_STORE_UNAVAILABLE", "down");

function denied(code: string, reason: string) {
  return { code, status: "permissionDenied", details: [{ kind: "permission-denied", reason }] };
}

describe("Gate: caller classes", () => {
  it("lets anybody call a method for any", async () => {
    const world = new ServiceWorld();
    for (const caller of [world.local, world.anonymous, world.agent("unknown")]) {
      assert.equal(await call(world, caller, declaration(["any"])), "any:x");
    }
  });

  it("lets the admin socket, a configured admin and an entry with the admin flag administer, and nobody else", async () => {
    const world = new ServiceWorld();
    const rpc = declaration(["local", "admin"]);
    const byEntry = world.adminCaller({ id: SpiffeId.of(exampleTrustDomain, "/workload/boss") });
    world.registry.apply(nodeItem(nodeOf("n1")), entryItem(entryOf("boss", "n1", { admin: true })));
    assert.equal(await call(world, world.local, rpc), "local:x");
    assert.equal(await call(world, world.adminCaller(), rpc), "admin:x");
    assert.equal(await call(world, byEntry, rpc), "admin:x");
    const outsider = world.adminCaller({ id: SpiffeId.of(exampleTrustDomain, "/somebody") });
    for (const caller of [world.anonymous, world.agent("n1"), outsider]) {
      await assert.rejects(call(world, caller, rpc), {
        code: "ERR_NOT_AUTHORIZED",
        status: "permissionDenied",
        message: "authorization denied for method /test.v1.Test/Do",
        details: [],
      });
    }
  });

  it("does not take an expired entry's admin flag", async () => {
    const world = new ServiceWorld();
    const expiresAt = Math.floor(world.clock.now() / 1000) - 1;
    world.registry.apply(entryItem(entryOf("boss", "n1", { admin: true, expiresAt })));
    const caller = world.adminCaller({ id: SpiffeId.of(exampleTrustDomain, "/workload/boss") });
    await assert.rejects(call(world, caller, declaration(["admin"])), { code: "ERR_NOT_AUTHORIZED" });
  });

  it("refuses an admin whose SVID expired, or whose authority is gone from the bundle", async () => {
    const world = new ServiceWorld();
    const rpc = declaration(["admin"]);
    await assert.rejects(call(world, world.adminCaller({ notAfterMs: world.clock.now() - 1 }), rpc), {
      code: "ERR_CALLER_EXPIRED",
      status: "unauthenticated",
    });
    await assert.rejects(call(world, world.adminCaller({ authorityId: "dead" }), rpc), {
      code: "ERR_CALLER_DISTRUSTED",
      status: "unauthenticated",
    });
  });

  it("does not let the admin socket or a stranger call a method for agents", async () => {
    const world = new ServiceWorld();
    for (const caller of [world.local, world.anonymous]) {
      await assert.rejects(call(world, caller), { code: "ERR_NOT_AUTHORIZED", details: [] });
    }
  });

  it("knows downstream servers by their entry", async () => {
    const world = new ServiceWorld();
    world.registry.apply(entryItem(entryOf("down", "n1", { downstream: true })));
    const caller = world.adminCaller({ id: SpiffeId.of(exampleTrustDomain, "/workload/down") });
    assert.equal(await call(world, caller, declaration(["downstream"])), "downstream:x");
    await assert.rejects(call(world, world.adminCaller(), declaration(["downstream"])), { code: "ERR_NOT_AUTHORIZED" });
  });
});

describe("Gate: agents", () => {
  it("lets an agent with its current serial number call", async () => {
    const world = new ServiceWorld();
    world.registry.apply(nodeItem(nodeOf("n1")));
    assert.equal(await call(world, world.agent("n1")), "agent:x");
  });

  it("refuses an agent that is expired, unknown, banned or on an old SVID, each with its reason", async () => {
    const world = new ServiceWorld();
    world.registry.apply(nodeItem(nodeOf("n1")), nodeItem(nodeOf("bad", { banned: true, serialNumber: "" })));
    const expired = world.agent("n1", { notAfterMs: world.clock.now() - 1 });
    await assert.rejects(call(world, expired), denied("ERR_AGENT_EXPIRED", "agentExpired"));
    await assert.rejects(call(world, world.agent("nobody")), denied("ERR_AGENT_NOT_ATTESTED", "agentNotAttested"));
    await assert.rejects(call(world, world.agent("bad")), denied("ERR_AGENT_BANNED", "agentBanned"));
    const stolen = world.agent("n1", { serialNumber: "0" });
    await assert.rejects(call(world, stolen), denied("ERR_AGENT_NOT_ACTIVE", "agentNotActive"));
    await assert.rejects(
      call(world, world.agent("bad", { serialNumber: "" })),
      denied("ERR_AGENT_BANNED", "agentBanned"),
    );
  });

  it("answers Unavailable instead of bad news that the store cannot confirm", async () => {
    const world = new ServiceWorld();
    world.registry.apply(nodeItem(nodeOf("n1")), nodeItem(nodeOf("bad", { banned: true })));
    world.storeFailure = storeDown;
    assert.equal(await call(world, world.agent("n1")), "agent:x");
    const doubtful = [
      world.agent("nobody"),
      world.agent("bad"),
      world.agent("n1", { serialNumber: "0" }),
      world.agent("n1", { authorityId: "dead" }),
    ];
    for (const caller of doubtful) {
      await assert.rejects(call(world, caller), { code: "ERR_STORE_UNAVAILABLE", status: "unavailable" });
    }
  });

  it("believes the store when memory lags behind", async () => {
    const world = new ServiceWorld();
    world.storeNode = () => nodeOf("new");
    assert.equal(await call(world, world.agent("new")), "agent:x");
  });

  it("makes a pending serial number current at its first use, once, and refuses the old one from then on", async () => {
    const world = new ServiceWorld();
    world.registry.apply(nodeItem(nodeOf("n1", { pendingSerialNumber: "2", pendingExpiresAt: 4_000_000_000 })));
    assert.equal(await call(world, world.agent("n1")), "agent:x");
    const renewed = world.agent("n1", { serialNumber: "2" });
    assert.deepEqual(await Promise.all([call(world, renewed), call(world, renewed)]), ["agent:x", "agent:x"]);
    assert.deepEqual(world.promoted, ["2"]);
    await assert.rejects(call(world, world.agent("n1")), denied("ERR_AGENT_NOT_ACTIVE", "agentNotActive"));
  });

  it("answers Unavailable when a pending serial number cannot be made current", async () => {
    const world = new ServiceWorld();
    world.registry.apply(nodeItem(nodeOf("n1", { pendingSerialNumber: "2" })));
    world.storeFailure = storeDown;
    await assert.rejects(call(world, world.agent("n1", { serialNumber: "2" })), { code: "ERR_STORE_UNAVAILABLE" });
  });

  it("refuses an agent whose authority was taken out of the bundle", async () => {
    const world = new ServiceWorld();
    world.registry.apply(nodeItem(nodeOf("n1")));
    const other = new TestAuthority(exampleTrustDomain, { notBeforeMs: 0, notAfterMs: 4e12 });
    world.registry.apply({ type: "bundle", key: exampleTrustDomain.name, value: other.bundle() });
    await assert.rejects(call(world, world.agent("n1")), { code: "ERR_CALLER_DISTRUSTED" });
  });

  it("does not take a foreign trust domain's SVID of the same path for the agent", async () => {
    const world = new ServiceWorld();
    world.registry.apply(nodeItem(nodeOf("n1")));
    const foreign = TrustDomain.parse("other.test");
    const authority = new TestAuthority(foreign, { notBeforeMs: 0, notAfterMs: 4e12 });
    world.registry.apply({ type: "bundle", key: foreign.name, value: authority.bundle() });
    const caller = world.agent("n1", {
      id: SpiffeId.of(foreign, agentId("n1").path),
      authorityId: authority.certificate.subjectKeyId ?? "",
    });
    await assert.rejects(call(world, caller), denied("ERR_AGENT_NOT_ATTESTED", "agentNotAttested"));
  });
});

describe("Gate: open streams end when what entitled them ends", () => {
  async function endedWith(world: ServiceWorld, running: Promise<string>, withinMs: number): Promise<unknown> {
    const outcome = running.then(
      () => assert.fail("ended with OK"),
      (error: unknown) => error,
    );
    await settle();
    await world.clock.advance(withinMs);
    return outcome;
  }

  it("at a ban and at an eviction, at once", async () => {
    const world = new ServiceWorld();
    world.registry.apply(nodeItem(nodeOf("n1")), nodeItem(nodeOf("n2")));
    const banned = stream(world, world.agent("n1"));
    const evicted = stream(world, world.agent("n2"));
    banned.catch(() => {});
    evicted.catch(() => {});
    await settle();
    assert.equal(world.openCalls.size, 2);
    world.registry.apply(nodeItem(nodeOf("n1", { banned: true, serialNumber: "" })));
    world.registry.apply({ type: "node", key: agentId("n2").toString(), value: undefined });
    await assert.rejects(banned, denied("ERR_AGENT_BANNED", "agentBanned"));
    await assert.rejects(evicted, denied("ERR_AGENT_NOT_ATTESTED", "agentNotAttested"));
    assert.equal(world.openCalls.size, 0);
  });

  it("when the SVID expires", async () => {
    const world = new ServiceWorld();
    world.registry.apply(nodeItem(nodeOf("n1")));
    const running = stream(world, world.agent("n1", { notAfterMs: world.clock.now() + 60_000 }));
    running.catch(() => {});
    await world.clock.advance(59_000);
    assert.equal(world.openCalls.size, 1);
    await assert.rejects(
      endedWith(world, running, 2_000).then((error) => Promise.reject(error)),
      denied("ERR_AGENT_EXPIRED", "agentExpired"),
    );
  });

  it("when a newer SVID is in use, after a moment for its stream to be opened", async () => {
    const world = new ServiceWorld();
    world.registry.apply(nodeItem(nodeOf("n1", { pendingSerialNumber: "2" })));
    const old = stream(world, world.agent("n1"));
    old.catch(() => {});
    await settle();
    await call(world, world.agent("n1", { serialNumber: "2" }));
    await world.clock.advance(400);
    assert.equal(world.openCalls.size, 1);
    const error = await endedWith(world, old, 600);
    assert.ok(error instanceof Error);
    assert.equal(Reflect.get(error, "code"), "ERR_AGENT_NOT_ACTIVE");
  });

  it("when the authority leaves the bundle; not when another joins it", async () => {
    const world = new ServiceWorld();
    world.registry.apply(nodeItem(nodeOf("n1")));
    const running = stream(world, world.agent("n1"));
    running.catch(() => {});
    await settle();
    const next = new TestAuthority(exampleTrustDomain, { notBeforeMs: 0, notAfterMs: 4e12 });
    const both = world.authority.bundle({ others: [next] });
    world.registry.apply({ type: "bundle", key: exampleTrustDomain.name, value: both });
    assert.equal(world.openCalls.size, 1);
    world.registry.apply({ type: "bundle", key: exampleTrustDomain.name, value: next.bundle() });
    await assert.rejects(running, { code: "ERR_CALLER_DISTRUSTED" });
  });

  it("leaves no timer behind", async () => {
    const world = new ServiceWorld();
    world.registry.apply(nodeItem(nodeOf("n1")));
    const rpc = declaration(["agent"], { isStream: true });
    await call(world, world.agent("n1"), rpc);
    assert.equal(world.clock.pendingTimers, 0);
    assert.equal(world.openCalls.size, 0);
  });
});

describe("Gate: rate limits and records", () => {
  const rates = { attest: 1, x509: 5, jwt: 5, postStatus: 5, publishJwt: 500, sync: 5, entries: 10 };

  it("limits by address, exempts the admin socket, and looks at no request before its caller is let in", async () => {
    const world = new ServiceWorld(rates);
    const rpc = declaration(["any"], { rate: { class: "x509", weight: (request: string) => request.length } });
    assert.equal(await call(world, world.local, rpc, "x".repeat(100)), `any:${"x".repeat(100)}`);
    await assert.rejects(call(world, world.anonymous, rpc, "123456"), { code: "ERR_RATE_BURST" });
    await call(world, world.anonymous, rpc, "12345");
    const read = (): string => assert.fail("read the request of a refused caller");
    await assert.rejects(
      world.gate.run(declaration(["agent"]), world.anonymous, world.context(), read, async (value) => value),
      { code: "ERR_NOT_AUTHORIZED" },
    );
  });

  it("limits by agent where that is declared: one that hammers takes nothing from its neighbour's", async () => {
    const world = new ServiceWorld(rates);
    for (const name of ["eager", "calm"]) world.registry.apply(nodeItem(nodeOf(name)));
    const rpc = declaration(["agent"], { rate: { class: "entries", per: "agent" } });
    const results = Promise.allSettled(Array.from({ length: 40 }, () => call(world, world.agent("eager"), rpc)));
    await call(world, world.agent("calm"), rpc);
    await world.clock.advance(2_000);
    const codes = (await results).map((one) => (one.status === "rejected" ? one.reason.code : "in"));
    assert.deepEqual([codes.filter((code) => code === "in").length, new Set(codes).size], [30, 2], codes.join());
    assert.ok(codes.includes("ERR_RATE_LIMITED"));
    const perAddress = declaration(["agent"], { rate: { class: "sync" } });
    for (let n = 0; n < 15; n += 1) void call(world, world.agent("eager"), perAddress).catch(() => {});
    const starved = assert.rejects(call(world, world.agent("calm"), perAddress), { code: "ERR_RATE_LIMITED" });
    await world.clock.advance(2_000);
    await starved;
  });

  it("records changes with their items, and refusals of reads, but not reads", async () => {
    const world = new ServiceWorld();
    const batch = declaration(["local"], {
      audit: { kind: "change", fields: (request) => ({ request }), items: () => [{ code: "OK" }, { code: "ERR_X" }] },
    });
    await call(world, world.local, batch);
    const read = declaration(["local"], { audit: { kind: "read" } });
    await call(world, world.local, read);
    await assert.rejects(call(world, world.anonymous, read));
    assert.deepEqual(
      world.audited.map(({ code, authorizedAs, fields, items }) => ({ code, authorizedAs, fields, items })),
      [
        { code: "OK", authorizedAs: "local", fields: { request: "x" }, items: [{ code: "OK" }, { code: "ERR_X" }] },
        { code: "ERR_NOT_AUTHORIZED", authorizedAs: "", fields: {}, items: undefined },
      ],
    );
  });

  it("does not record a caller that went away as refused", async () => {
    const world = new ServiceWorld();
    const gone = new AbortController();
    const running = world.gate.run(
      declaration(["local"]),
      world.local,
      world.context(gone.signal),
      () => "x",
      async (_, { signal }) => {
        gone.abort(new Error("gone"));
        signal.throwIfAborted();
        return "never";
      },
    );
    await assert.rejects(running, /gone/);
    assert.deepEqual(world.audited, []);
  });

  it("does not record the usual end of a stream as a refusal, but any other end", async () => {
    const world = new ServiceWorld();
    const rpc = declaration(["any"], { audit: { kind: "read", usualEnds: ["ERR_SYNC_REPLACED"] } });
    const endWith = (code: "ERR_SYNC_REPLACED" | "ERR_SYNC_PROTOCOL") =>
      assert.rejects(
        world.gate.run(
          rpc,
          world.anonymous,
          world.context(),
          () => "x",
          () => Promise.reject(serverErrors.error(code, "over")),
        ),
        { code },
      );
    await endWith("ERR_SYNC_REPLACED");
    assert.deepEqual(world.audited, []);
    await endWith("ERR_SYNC_PROTOCOL");
    assert.deepEqual(
      world.audited.map(({ code }) => code),
      ["ERR_SYNC_PROTOCOL"],
    );
  });

  it("records a failure that is nobody's refusal as internal, without its text", async () => {
    const world = new ServiceWorld();
    const failing = world.gate.run(
      declaration(["local"]),
      world.local,
      world.context(),
      () => "x",
      async () => {
        throw new Error("secret detail");
      },
    );
    await assert.rejects(failing);
    assert.doesNotMatch(JSON.stringify(world.audited), /secret detail/);
    assert.equal(world.audited[0]?.code, "ERR_INTERNAL");
  });
});
