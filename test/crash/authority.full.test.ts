// needs: time; budget: 180
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, describe, it } from "node:test";
import { buildCsr, Certificate } from "../../certs/index.ts";
import type { Authorities } from "../../server/authority/authorities.ts";
import { keyGrace } from "../../server/authority/next-action.ts";
import { DiskKeyManager } from "../../server/keymanager/disk/disk-key-manager.ts";
import { MemoryKeyManager } from "../../server/keymanager/memory/memory-key-manager.ts";
import { openInlineStore } from "../../server/store/sqlite/open.ts";
import { SpiffeBundle, SpiffeId, verifyJwtSvid, verifyX509Svid } from "../../spiffe/index.ts";
import { FakeAuthorityStore } from "../fakes/authority-store.ts";
import { AuthorityWorld, testTrustDomain } from "../fakes/authority-world.ts";
import { FakeUpstream } from "../fakes/fake-upstream.ts";
import { generateKeyAtOnce } from "../fakes/keys-at-once.ts";
import { type Scenario, scenarios, upstreamScenarios } from "./authority-scenarios.ts";
import { type CommitLog, CrashPlan, crashingKeyManager, crashingStore } from "./crash-plan.ts";

/** Every durable write of every scenario, with a crash before it and one after it. */
const base = await mkdtemp(join(tmpdir(), "countersign-crash-"));
after(() => rm(base, { recursive: true, force: true }));

const workloadKey = await generateKeyAtOnce("ec-p256");
const csrDer = buildCsr({ key: workloadKey });

interface Issued {
  readonly chain: readonly Uint8Array[];
  readonly token: string;
  readonly authorityIds: readonly string[];
}

/** One history: what is asserted at its end covers all of its processes. */
class History {
  readonly world = new AuthorityWorld();
  readonly issued: Issued[] = [];
  readonly serials: string[] = [];
  readonly log: CommitLog = { acknowledged: [], inDoubt: undefined };

  async issue(authorities: Authorities): Promise<void> {
    const id = SpiffeId.of(testTrustDomain, "/workload");
    const common = { id, ttl: 0, notAfterCap: 0, hint: "" };
    const issuance = this.world.issuance(authorities);
    const [x509] = await issuance.issueX509Svids([{ ...common, csrDer, dnsNames: [], profile: "workload" }]);
    assert.equal(x509?.kind, "issued");
    const jwt = await issuance.issueJwtSvid({ ...common, audience: ["a"], includeJti: false });
    if (x509?.kind !== "issued") return;
    const authorityIds = [authorities.x509Issuer().authorityId, authorities.jwtIssuer().authorityId];
    this.issued.push({ chain: x509.svid.chain, token: jwt.token, authorityIds });
    this.serials.push(x509.serialNumber, authorities.x509Issuer().certificate.serialNumber);
  }

  /** A process whose writes are counted, and which may be told to die at one of them. Its last acts reach nobody. */
  async crash(scenario: Scenario, plan: CrashPlan): Promise<void> {
    const { world } = this;
    const { store, keyManager } = world;
    world.store = crashingStore(store, plan, this.log);
    world.keyManager = crashingKeyManager(keyManager, plan);
    try {
      await scenario.during(world);
    } catch (error) {
      if (!plan.isDead) throw error;
    }
    world.store = store;
    world.keyManager = keyManager;
  }
}

async function check(history: History, plan: CrashPlan, before: FakeAuthorityStore | undefined): Promise<void> {
  const { world } = history;
  if (before !== undefined) await assertNothingLost(history, before);

  const authorities = await world.start();
  await history.issue(authorities);
  for (const kind of ["x509", "jwt"] as const) {
    const active = authorities.records().filter((record) => record.kind === kind && record.state === "active");
    assert.equal(active.length, 1, `${active.length} active ${kind} authorities after ${plan.labels.at(-1)}`);
  }

  const bundle = await world.store.findBundle(testTrustDomain);
  const atMs = world.clock.now();
  const revoked = new Set(authorities.records().flatMap(({ state, id }) => (state === "revoked" ? [id] : [])));
  for (const { chain, token, authorityIds } of history.issued) {
    if (authorityIds.some((id) => revoked.has(id))) continue;
    const notAfter = Certificate.parse(chain[0] ?? new Uint8Array()).notAfter;
    if (notAfter > atMs) verifyX509Svid({ chain, bundles: { get: () => bundle }, atMs, usage: "server" });
    const isAlive = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()).exp * 1000 > atMs;
    if (isAlive) verifyJwtSvid({ token, audience: "a", bundles: { get: () => bundle }, atMs });
  }
  const leaves = history.serials.filter((_serial, index) => index % 2 === 0);
  const cas = new Set(history.serials.filter((_serial, index) => index % 2 === 1));
  assert.equal(new Set([...leaves, ...cas]).size, leaves.length + cas.size, "a serial number was used twice");

  await world.clock.advance((keyGrace + 1) * 1000);
  await authorities.tick();
  assertBundle(authorities, world.upstream instanceof FakeUpstream);
  const named = authorities.records().filter(({ state }) => state === "prepared" || state === "active");
  assert.deepEqual([...(await world.keyManager.listKeyIds())].sort(), named.map(({ keyId }) => keyId).sort());
}

/** In the bundle is what the records say, marked as they say; roots above may outlive what was below them. */
function assertBundle(authorities: Authorities, hasRootAbove: boolean): void {
  const { x509Authorities, jwtAuthorities } = authorities.bundle;
  const flags = new Map([
    ...x509Authorities.map(({ certificate, tainted }) => [certificate.subjectKeyId ?? "", tainted] as const),
    ...jwtAuthorities.map(({ keyId, tainted }) => [keyId, tainted] as const),
  ]);
  const named = new Set<string>();
  for (const { id, state, upstreamId } of authorities.records()) {
    const publishedId = upstreamId === "" ? id : upstreamId;
    assert.equal(flags.has(publishedId), state !== "revoked", `${state}: ${publishedId}`);
    if (state !== "revoked") assert.equal(flags.get(publishedId), state === "tainted", `${state}: ${publishedId}`);
    named.add(publishedId);
  }
  for (const id of flags.keys())
    assert.ok(hasRootAbove || named.has(id), `${id} is in the bundle, but no record names it`);
}

/** The store holds what was acknowledged, and at most the one commit in doubt beside. */
async function assertNothingLost({ world, log }: History, before: FakeAuthorityStore): Promise<void> {
  for (const commit of log.acknowledged) await before.commitAuthorities(commit);
  const held = await contentOf(world);
  const acknowledged = await contentOf({ store: before });
  if (held === acknowledged || log.inDoubt === undefined) {
    assert.equal(held, acknowledged);
    return;
  }
  await before.commitAuthorities(log.inDoubt);
  assert.equal(held, await contentOf({ store: before }));
}

async function contentOf({ store }: Pick<AuthorityWorld, "store">): Promise<string> {
  const records = [...(await store.listAuthorities())];
  const texts = records.map(({ kind, id, state, keyId, changedAt }) => [kind, id, state, keyId, changedAt].join(" "));
  const bundle = await store.findBundle(testTrustDomain);
  const tainted = [
    ...(bundle?.x509Authorities ?? []).map(({ certificate, tainted }) => `${certificate.subjectKeyId} ${tainted}`),
    ...(bundle?.jwtAuthorities ?? []).map(({ keyId, tainted }) => `${keyId} ${tainted}`),
  ];
  return [
    ...texts.sort(),
    ...tainted.sort(),
    (bundle ?? SpiffeBundle.empty(testTrustDomain)).with({ sequenceNumber: undefined }).toJwks(),
  ].join("\n");
}

async function copyOf(store: AuthorityWorld["store"]): Promise<FakeAuthorityStore> {
  const copy = new FakeAuthorityStore(testTrustDomain);
  const bundle = await store.findBundle(testTrustDomain);
  await copy.commitAuthorities({
    put: await store.listAuthorities(),
    remove: [],
    bundleEdits: [
      ...(bundle?.x509Authorities ?? []).map(
        ({ certificate }) => ({ kind: "add-x509", certificateDer: certificate.der }) as const,
      ),
      ...(bundle?.jwtAuthorities ?? []).map(
        ({ keyId, spkiDer, expiresAt }) => ({ kind: "add-jwt", keyId, publicKey: spkiDer, expiresAt }) as const,
      ),
      ...(bundle?.x509Authorities ?? [])
        .filter(({ tainted }) => tainted)
        .map(({ certificate }) => ({ kind: "taint-x509", subjectKeyId: certificate.subjectKeyId ?? "" }) as const),
      ...(bundle?.jwtAuthorities ?? [])
        .filter(({ tainted }) => tainted)
        .map(({ keyId }) => ({ kind: "taint-jwt", keyId }) as const),
    ],
  });
  return copy;
}

async function underARoot({ world }: History): Promise<void> {
  world.keyManager = new MemoryKeyManager(generateKeyAtOnce);
  world.upstream = new FakeUpstream(testTrustDomain, world.clock, world.random);
}

async function begin(scenario: Scenario, prepare: (history: History) => Promise<void>): Promise<History> {
  const history = new History();
  await prepare(history);
  await scenario.before(history.world);
  if ((await history.world.store.listAuthorities()).length > 0) await history.issue(await history.world.start());
  await history.world.clock.advance(scenario.pause * 1000);
  return history;
}

async function enumerate(scenario: Scenario, prepare: (history: History) => Promise<void>): Promise<void> {
  const whole = new CrashPlan();
  const undisturbed = await begin(scenario, prepare);
  await undisturbed.crash(scenario, whole);
  await check(undisturbed, whole, undefined);
  for (let write = 1; write <= whole.writes; write += 1) {
    for (const when of ["before", "after"] as const) {
      const history = await begin(scenario, prepare);
      const before = await copyOf(history.world.store);
      const plan = new CrashPlan(write, when);
      await history.crash(scenario, plan);
      assert.equal(plan.isDead, true, `write ${write} was not reached`);
      try {
        await check(history, plan, before);
      } catch (error) {
        throw new Error(`after a crash ${when} write ${write} (${whole.labels[write - 1]})`, { cause: error });
      }
    }
  }
}

describe("the authorities, crashed before and after every durable write", () => {
  let directories = 0;
  // What costs more (fsyncs, SQL) is run where it says something new; "all" is every scenario.
  const durable: readonly [string, readonly string[] | "all", (history: History) => Promise<void>][] = [
    [
      "keys in memory",
      "all",
      async ({ world }) => {
        world.keyManager = new MemoryKeyManager(generateKeyAtOnce);
      },
    ],
    [
      "keys on disk",
      ["a start long after everything is dead"],
      async ({ world }) => {
        directories += 1;
        world.keyManager = await DiskKeyManager.open(join(base, String(directories)));
      },
    ],
    [
      "records in SQLite",
      ["the first start", "activate", "a start long after everything is dead", "taint by hand", "revoke by hand"],
      async ({ world }) => {
        const { clock, random, logger } = world;
        const store = await openInlineStore({ trustDomain: testTrustDomain, clock, random, logger });
        opened.push(store);
        world.store = store;
        world.options = { ...world.options, serverId: await store.serverId() };
      },
    ],
  ];
  const opened: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const store of opened.splice(0)) await store[Symbol.asyncDispose]();
  });
  for (const scenario of scenarios) {
    for (const [name, where, prepare] of durable) {
      if (where !== "all" && !where.includes(scenario.name)) continue;
      it(`${scenario.name}, ${name}`, () => enumerate(scenario, prepare));
    }
  }

  for (const scenario of upstreamScenarios) {
    it(`${scenario.name}, keys in memory`, () => enumerate(scenario, underARoot));
  }

  it("has enumerated every kind of write there is", async () => {
    const seen = new Set<string>();
    for (const scenario of scenarios) {
      const plan = new CrashPlan();
      await (await begin(scenario, async () => {})).crash(scenario, plan);
      for (const label of plan.labels) seen.add(label.replace(/^commit /, ""));
    }
    for (const label of [
      "generate key",
      "delete key",
      "x509=preparing",
      "x509=prepared -x509 add-x509",
      "x509=active",
      "x509=active x509=old",
      "-x509 remove-x509",
      "jwt=preparing",
      "jwt=prepared add-jwt",
      "jwt=active",
      "jwt=active jwt=old",
      "-jwt remove-jwt",
      "x509=prepared -x509 -x509 remove-x509 add-x509",
      "jwt=prepared -jwt remove-jwt add-jwt",
      "x509=tainted taint-x509",
      "jwt=tainted taint-jwt",
      "x509=revoked remove-x509",
      "jwt=revoked remove-jwt",
    ]) {
      assert.ok(seen.has(label), `no scenario writes "${label}"; seen: ${[...seen].join("; ")}`);
    }
  });
});
