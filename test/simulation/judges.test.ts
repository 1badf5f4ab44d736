import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WorkloadIdentity, WorkloadView } from "../../agent/index.ts";
import { buildCsr, encodePkcs8 } from "../../certs/index.ts";
import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import { SpiffeId } from "../../spiffe/index.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { FakeIssuer } from "../fakes/fake-issuer.ts";
import { generateKeyAtOnce } from "../fakes/keys.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { entryOf, exampleTrustDomain } from "../fakes/server-values.ts";
import { Grants } from "./grants.ts";
import { Ledger } from "./ledger.ts";
import { Life } from "./life.ts";
import { ViewJudge } from "./view-judge.ts";
import { Violations } from "./violations.ts";

/** The judges of the simulation, each shown what it must not let pass. */
describe("ViewJudge", () => {
  const clock = new FakeClock();
  const hourMs = 3_600_000;

  async function served() {
    const issuer = await FakeIssuer.create(exampleTrustDomain, seededRandom(1), clock.now());
    const key = await generateKeyAtOnce("ec-p256");
    const entry = entryOf("e1", "one");
    const certificate = issuer.x509(buildCsr({ key }), entry.spiffeId, [], clock.now(), 3600);
    const identity: WorkloadIdentity = {
      entryId: entry.id,
      id: entry.spiffeId,
      hint: "",
      federatesWith: [],
      chainDer: certificate.der,
      keyDer: encodePkcs8(key),
      expiresAtMs: certificate.notAfter,
    };
    const grants = new Grants();
    grants.record([entry], clock.now());
    return { entry, identity, grants, bundle: issuer.bundle() };
  }

  function judged(
    world: Awaited<ReturnType<typeof served>>,
    change: {
      identity?: Partial<WorkloadIdentity>;
      bundle?: WorkloadView["ownBundle"];
      atMs?: number;
      uid?: string;
    } = {},
  ): string {
    const { identity, bundle, grants } = world;
    const view: WorkloadView = {
      version: 1,
      identities: [{ ...identity, ...change.identity }],
      ownBundle: change.bundle ?? bundle,
      federatedBundles: [],
      withheld: [],
      isCurrent: true,
    };
    const workload = { selectors: new Set([`unix:uid:${change.uid ?? "1000"}`]) };
    const atMs = change.atMs ?? clock.now();
    return new ViewJudge().judge(view, workload, { grants, sinceMs: atMs }, atMs).join();
  }

  it("has nothing against a valid SVID of an entry", async () => {
    assert.equal(judged(await served()), "");
  });

  it("sees an expired SVID, also when it is said to last longer", async () => {
    const world = await served();
    assert.match(judged(world, { atMs: clock.now() + 2 * hourMs }), /has expired/);
    const identity = { expiresAtMs: clock.now() + 4 * hourMs };
    assert.match(judged(world, { atMs: clock.now() + 2 * hourMs, identity }), /does not verify/);
    assert.match(judged(world, { identity }), /does not expire when the certificate does/);
  });

  it("sees another authority's SVID, another key, another name", async () => {
    const world = await served();
    const other = await served();
    assert.match(judged(world, { bundle: other.bundle }), /does not verify/);
    assert.match(judged(world, { identity: { keyDer: other.identity.keyDer } }), /the key is another's/);
    const id = SpiffeId.of(exampleTrustDomain, "/other");
    assert.match(judged(world, { identity: { id } }), /the certificate is for/);
  });

  it("sees an identity without an entry, of another workload, or of an entry that has ended", async () => {
    const world = await served();
    assert.match(judged(world, { identity: { entryId: "e2" } }), /without an entry/);
    assert.match(judged(world, { uid: "7" }), /without an entry/);
    world.grants.record([], clock.now());
    assert.equal(judged(world, { atMs: clock.now() + 1_000 }), "");
    assert.match(judged(world, { atMs: clock.now() + 60_000 }), /without an entry/);
  });

  it("sees an identity of an entry's former SPIFFE ID", async () => {
    const world = await served();
    const changed: RegistrationEntry = {
      ...world.entry,
      revisionNumber: 1,
      spiffeId: SpiffeId.of(exampleTrustDomain, "/new"),
    };
    world.grants.record([changed], clock.now());
    assert.match(judged(world, { atMs: clock.now() + 60_000 }), /without an entry/);
  });
});

describe("Ledger", () => {
  it("sees a serial number twice, and an authority that leaves the bundle early", async () => {
    const clock = new FakeClock();
    const violations = new Violations();
    const ledger = new Ledger(violations);
    const issuer = await FakeIssuer.create(exampleTrustDomain, seededRandom(1), clock.now());
    const csr = buildCsr({ key: await generateKeyAtOnce("ec-p256") });
    const id = SpiffeId.of(exampleTrustDomain, "/a");
    const { der } = issuer.x509(csr, id, [], clock.now(), 60);
    ledger.x509([der]);
    ledger.checkBundle(issuer.bundle(), clock.now());
    assert.ok(violations.isEmpty);
    const other = await FakeIssuer.create(exampleTrustDomain, seededRandom(2), clock.now());
    ledger.checkBundle(other.bundle(), clock.now());
    assert.match(violations.list(), /left the bundle/);
    ledger.x509([der]);
    assert.match(violations.list(), /given twice/);
  });
});

describe("Life", () => {
  it("takes timers, waiting calls and later ones with it", async () => {
    const clock = new FakeClock();
    const life = new Life();
    const mortal = life.clock(clock);
    const done: string[] = [];
    const port = life.port({ call: async (what: string) => done.push(what) });
    const slow = Promise.withResolvers<void>();
    const waiting = life.port({ wait: () => slow.promise });
    mortal.setTimer(10, () => done.push("timer"));
    waiting.wait().then(
      () => done.push("waited"),
      () => done.push("failed"),
    );
    await port.call("before");
    life.end();
    slow.resolve();
    port.call("after").catch(() => {});
    mortal.setTimer(10, () => done.push("late timer"));
    await clock.advance(1_000);
    assert.deepEqual(done, ["before"]);
    assert.equal(clock.pendingTimers, 0);
  });

  it("can end before a call or after it, without an answer either way", async () => {
    for (const phase of ["before", "after"] as const) {
      const life = new Life();
      const done: string[] = [];
      const port = life.port({ call: async () => void done.push("called") }, (now) => {
        if (now === phase) life.end();
      });
      const answer = await Promise.race([port.call().then(() => "answered"), life.outlasts(new Promise(() => {}))]);
      assert.equal(answer, undefined);
      assert.deepEqual(done, phase === "before" ? [] : ["called"]);
    }
  });
});
