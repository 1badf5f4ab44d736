import assert from "node:assert/strict";
import type { KeyObject } from "node:crypto";
import { describe, it } from "node:test";
import { buildCsr, Certificate, generateKey } from "../certs/index.ts";
import type { IssuedX509Svid, SyncMessage } from "../proto/domain/link.ts";
import { noMetrics, silentLogger } from "../runtime/core/index.ts";
import { SpiffeId, verifyX509Svid } from "../spiffe/index.ts";
import { FakeClock, settle } from "../test/fakes/fake-clock.ts";
import { seededRandom } from "../test/fakes/seeded-random.ts";
import { exampleTrustDomain } from "../test/fakes/server-values.ts";
import { selfSigned } from "./authority/upstream/self-signed.ts";
import { type CoreConfig, createServerCore, InProcessLink, type ServerCore } from "./index.ts";
import { inlineRunner } from "./issuance/job-runner.ts";
import { MemoryKeyManager } from "./keymanager/memory/memory-key-manager.ts";
import type { Store } from "./store/ports.ts";
import { openInlineStore } from "./store/sqlite/open.ts";

const config: CoreConfig = {
  trustDomain: exampleTrustDomain,
  adminIds: [],
  ttls: { agent: 3_600, x509Svid: 3_600, jwtSvid: 300, ca: 86_400 },
  caKeyType: "ec-p256",
  jwtKeyType: "ec-p256",
  caSubject: undefined,
  jwtIssuer: undefined,
  auditLog: false,
  rateLimits: "off",
  nodeAttestors: { joinToken: true, x509pop: undefined },
  pruneNodes: { expiredForMs: 86_400_000, includeOneTime: true, batchSize: 1_000 },
};

class World implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly store: Store;
  readonly keyManager: MemoryKeyManager;
  core: ServerCore;

  readonly config: CoreConfig;

  private constructor(
    clock: FakeClock,
    store: Store,
    keyManager: MemoryKeyManager,
    config: CoreConfig,
    core: ServerCore,
  ) {
    this.clock = clock;
    this.store = store;
    this.keyManager = keyManager;
    this.config = config;
    this.core = core;
  }

  static async start(parts: Partial<CoreConfig> = {}): Promise<World> {
    const clock = new FakeClock();
    const keyManager = new MemoryKeyManager();
    const store = await openInlineStore({
      trustDomain: exampleTrustDomain,
      clock,
      random: seededRandom(1),
      logger: silentLogger,
    });
    return new World(
      clock,
      store,
      keyManager,
      { ...config, ...parts },
      await core({ ...config, ...parts }, clock, store, keyManager),
    );
  }

  async restart(): Promise<void> {
    await this.core[Symbol.asyncDispose]();
    this.core = await core(this.config, this.clock, this.store, this.keyManager);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.core[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }
}

function core(config: CoreConfig, clock: FakeClock, store: Store, keyManager: MemoryKeyManager): Promise<ServerCore> {
  const random = seededRandom(2);
  return createServerCore(config, {
    clock,
    random,
    logger: silentLogger,
    metrics: noMetrics,
    store,
    keyManager,
    upstream: selfSigned(clock, random),
    runner: inlineRunner,
    serverVersion: "test",
  });
}

/** The least an agent does, over the in-process link. */
class Agent {
  readonly link: InProcessLink;
  svid: IssuedX509Svid | undefined;

  constructor(world: World) {
    this.link = new InProcessLink({
      server: () => world.core,
      address: "192.0.2.1",
      identity: () => this.svid?.chain,
    });
  }

  async attest(world: World, token: string): Promise<void> {
    const expiresAt = Math.floor(world.clock.now() / 1000) + 600;
    await world.store.createJoinToken({ value: token, expiresAt }, undefined, expiresAt - 600);
    const { svid } = await this.link.attest({
      type: "join_token",
      payload: Buffer.from(token),
      csrDer: buildCsr({ key: await newKey() }),
      answer: () => assert.fail("challenged"),
    });
    this.svid = svid;
    this.link.identityChanged();
  }

  async renew(): Promise<void> {
    this.svid = await this.link.renewAgent(buildCsr({ key: await newKey() }));
    this.link.identityChanged();
  }
}

let key: KeyObject | undefined;
async function newKey(): Promise<KeyObject> {
  key ??= await generateKey("ec-p256");
  return key;
}

describe("createServerCore() on virtual time", () => {
  it("attests, issues, pushes and renews without a socket", async () => {
    await using world = await World.start();
    const agent = new Agent(world);
    await agent.attest(world, "one");
    const stream = agent.link.openSync({ protocol: 1, capabilities: [], held: [], agentVersion: "1" });
    const messages: SyncMessage[] = [];
    const reading = (async () => {
      for await (const message of stream.messages) messages.push(message);
    })();
    await settle();
    const [created] = await world.store.createEntries(
      [
        {
          id: "e1",
          spiffeId: SpiffeId.of(exampleTrustDomain, "/w"),
          parentId: agent.svid?.id ?? assert.fail(),
          selectors: [],
          x509SvidTtl: 0,
          jwtSvidTtl: 0,
          federatesWith: [],
          admin: false,
          downstream: false,
          expiresAt: 0,
          dnsNames: [],
          storeSvid: false,
          hint: "",
          additionalAttributes: undefined,
        },
      ],
      Math.floor(world.clock.now() / 1000),
    );
    assert.equal(created?.kind, "created");
    await settle();
    const page = messages.at(-1);
    assert.ok(page?.kind === "page" && page.type === "entry" && !page.snapshotStart);
    const [result] = await agent.link.batchNewX509Svid([{ entryId: "e1", csrDer: buildCsr({ key: await newKey() }) }]);
    assert.equal(result?.kind, "issued");
    const jwt = await agent.link.newJwtSvid("e1", ["audience"]);
    assert.equal(jwt.id.path, "/w");
    await agent.renew();
    await agent.link.postStatus("2");
    stream.close();
    await reading;
    assert.ok((await agent.link.getBundle()).x509Authorities.length > 0);
  });

  it("lives three days of CA rotations with an agent that renews, across restarts", async () => {
    await using world = await World.start({ ttls: { ...config.ttls, agent: 12 * 3_600 } });
    const agent = new Agent(world);
    await agent.attest(world, "days");
    const authorities = new Set<string>();
    for (let eighth = 0; eighth < 3 * 8; eighth += 1) {
      await world.clock.advance(3 * 3_600_000);
      await agent.renew();
      await agent.link.postStatus(`eighth ${eighth}`);
      if (eighth % 20 === 10) await world.restart();
      const bundle = await agent.link.getBundle();
      const chain = (agent.svid?.chain ?? []).map((der) => Certificate.parse(der));
      verifyX509Svid({ chain, bundles: { get: () => bundle }, atMs: world.clock.now(), usage: "client" });
      authorities.add(chain.at(-1)?.authorityKeyId ?? "");
      assert.ok(bundle.x509Authorities.length <= 4);
    }
    assert.ok(authorities.size >= 3, `${authorities.size} authorities signed`);
  });

  it("refuses a connection with an identity that is not of the bundle, and says when nobody answers", async () => {
    await using world = await World.start();
    await using other = await World.start();
    const agent = new Agent(other);
    await agent.attest(other, "elsewhere");
    const lost = new Agent(world);
    lost.svid = agent.svid;
    await assert.rejects(lost.link.postStatus("1"), { code: "ERR_CONNECT_FAILED" });
    const nowhere = new InProcessLink({ server: () => undefined, address: "x", identity: () => undefined });
    await assert.rejects(nowhere.getBundle(), { code: "ERR_CONNECT_FAILED" });
    await assert.rejects(new Agent(world).link.postStatus("1"), { code: "ERR_NOT_AUTHORIZED" });
  });

  it("ends a stream when its connection breaks", async () => {
    await using world = await World.start();
    const agent = new Agent(world);
    await agent.attest(world, "cut");
    const stream = agent.link.openSync({ protocol: 1, capabilities: [], held: [], agentVersion: "1" });
    const reading = (async () => {
      for await (const _message of stream.messages);
    })();
    const failed = assert.rejects(reading, { code: "ERR_CONNECTION_LOST" });
    await settle();
    agent.link.sever();
    await failed;
    await settle();
    assert.equal(world.core.connections.list()[0]?.connected, false);
  });

  it("forgets agents that expired long ago, used-up time and old tombstones, and keeps banned ones", async () => {
    await using world = await World.start();
    const [gone, banned] = [new Agent(world), new Agent(world)];
    await gone.attest(world, "gone");
    await banned.attest(world, "banned");
    await world.store.banNode(banned.svid?.id ?? assert.fail());
    const expiresAt = Math.floor(world.clock.now() / 1000) + 60;
    await world.store.createJoinToken({ value: "unused", expiresAt }, undefined, expiresAt - 60);
    await world.clock.advance(26 * 3_600_000);
    assert.equal(await world.store.findJoinToken("unused"), undefined);
    assert.deepEqual(
      [...world.core.registry.nodes()].map(({ id }) => id.path),
      ["/spire/agent/join_token/banned"],
    );
  });

  it("is healthy when it can sign, and says what is wrong when the store does not answer", async () => {
    await using world = await World.start();
    assert.deepEqual(await world.core.health.check(), {
      healthy: true,
      parts: { store: "ok", bundle: "ok", authority: "ok" },
    });
    world.core.measure();
    await world.store[Symbol.asyncDispose]();
    const report = await world.core.health.check();
    assert.equal(report.healthy, false);
    assert.notEqual(report.parts["store"], "ok");
  });
});
