import assert from "node:assert/strict";
import { realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, it } from "node:test";
import type { Certificate } from "../../certs/index.ts";
import type { SpawnOptions } from "../env/processes.ts";
import { type AgentHandle, System } from "../env/system.ts";
import { Line, OurSide } from "./our-side.ts";
import { Partner } from "./partner.ts";
import { revoke, rotateCa, until } from "./rotate.ts";
import { Workload } from "./workload.ts";

export interface OtherStack {
  /** Makes what `start` runs; takes as long as it takes. */
  readonly build: (system: System) => { readonly command: string; readonly args: readonly string[] };
  readonly environment?: Readonly<Record<string, string>>;
  /** What it says when the agent has no identity for it. */
  readonly denied: RegExp;
  /** Its source waits for an entry that comes later, instead of giving up. */
  readonly waitsForEntry: boolean;
  /** It takes the CA of any trust domain that it has a bundle of for all trust domains: a member's name is worth nothing. */
  readonly confusesTrustDomains?: true;
  /** More tests, run while both sides have what they need. */
  readonly also?: (stand: () => Stand) => void;
}

export interface Stand {
  readonly theirs: Workload;
  readonly ours: OurSide;
}

export const ourId = "spiffe://test.example/ours";
export const theirId = "spiffe://test.example/theirs";
const partnerId = "spiffe://partner.example/db";
export const somebody = "spiffe://test.example/somebody-else";

/** Registers the tests for one stack, inside its `describe`; they build on one another. */
export function speaksBothWays(stack: OtherStack): void {
  const { build, environment = {}, denied, waitsForEntry, also } = stack;
  const partner = new Partner();
  let program: ReturnType<typeof build>;
  let system: System;
  let agent: AgentHandle;
  let theirs: Workload;
  let ours: OurSide;
  let entryId: string;
  const flags = ["--x509-ttl", "12", "--federates-with", "partner.example", "--wait"];

  const start = (): Promise<Workload> => {
    const options: SpawnOptions = { environment: { ...environment, SPIFFE_ENDPOINT_SOCKET: `unix://${agent.socket}` } };
    return Workload.start(program.command, program.args, options);
  };

  before(async () => {
    system = await System.start();
    program = build(system);
    agent = await system.startAgent();
    const document = join(system.folder, "partner.json");
    writeFileSync(document, partner.document);
    await system.cli("bundle", "set", "--id", "partner.example", "--format", "spiffe", "--file", document);
    const node = [`unix:path:${realpathSync(process.execPath)}`];
    await system.createEntry(agent, { path: "/ours", selectors: node, flags });
    ours = await OurSide.open(agent.socket);
    theirs = await start();
  });
  after(async () => {
    partner.close();
    await theirs?.[Symbol.asyncDispose]();
    await ours?.[Symbol.asyncDispose]();
    await system?.[Symbol.asyncDispose]();
  });

  it("is denied without an entry, and has its identity once there is one", async () => {
    const { error } = await theirs.ask("fetch", "refused", "fetched");
    assert.match(String(error), denied);
    const early = waitsForEntry ? theirs.say("open") : 0;
    const selectors = [`unix:path:${theirs.executable}`];
    entryId = await system.createEntry(agent, { path: "/theirs", selectors, flags });
    assert.deepEqual((await theirs.ask("fetch", "fetched"))["ids"], [theirId]);
    if (!waitsForEntry) theirs.say("open");
    assert.equal((await theirs.wait("update", early))["id"], theirId);
  });

  it("has the bundles that we have", async () => {
    const answer = await theirs.ask("bundles", "bundles");
    const own = [...ours.bundles.bundles];
    assert.deepEqual(own.map(({ trustDomain }) => trustDomain.name).sort(), ["partner.example", "test.example"]);
    const expected = own.map(({ trustDomain, x509Authorities, jwtAuthorities }) => [
      trustDomain.name,
      [x509Authorities.length, jwtAuthorities.length],
    ]);
    assert.deepEqual(answer["bundles"], Object.fromEntries(expected));
  });

  it("has JWT-SVIDs that we accept for their audience only, and accepts ours", async () => {
    const { id, token } = await theirs.ask("jwt reports", "jwt");
    assert.equal(id, theirId);
    const judged = ours.bundles.validateJwtSvid(String(token), { audience: "reports" });
    assert.equal(judged.id.toString(), theirId);
    assert.throws(() => ours.bundles.validateJwtSvid(String(token), { audience: "other" }), {
      code: "ERR_JWT_SVID_WRONG_AUDIENCE",
    });

    const mine = (await ours.jwt.svid({ audience: "reports" })).token.reveal();
    assert.deepEqual(await verdicts(theirs, "reports", mine), { local: ourId, remote: ourId });
    for (const [audience, text] of [
      ["other", mine],
      ["reports", forged(mine)],
    ] as const) {
      assert.deepEqual(await verdicts(theirs, audience, text), { local: undefined, remote: undefined });
    }
  });

  it("refuses our server, and is refused by it, when either is the wrong one", async () => {
    const { greeting } = await theirs.ask(`call ${await ours.serve(theirId)} ${ourId}`, "called");
    assert.equal(greeting, `hello ${theirId}`);
    const served = ours.served.length;

    await theirs.ask(`call ${await ours.serve(theirId)} ${somebody}`, "refused");
    await theirs.ask(`call ${await ours.serve(somebody)} ${ourId}`, "refused");
    assert.equal(ours.served.length, served);
    const { cause } = ours.refusals.at(-1) ?? {};
    assert.ok(cause instanceof Error && "code" in cause && cause.code === "ERR_PEER_UNAUTHORIZED", `${cause}`);
  });

  it("refuses our client, and is refused by it, when either is the wrong one", async () => {
    const { address } = await theirs.ask(`serve ${ourId}`, "listening");
    assert.equal((await ours.call(String(address), theirId)).greeting, `hello ${ourId}`);
    await assert.rejects(ours.call(String(address), somebody), { code: "ERR_PEER_NOT_VERIFIED" });

    const from = theirs.running.lines.length;
    const picky = await theirs.ask(`serve ${somebody}`, "listening");
    await assert.rejects(ours.call(String(picky["address"]), theirId));
    await theirs.wait("turned-away", from);
  });

  it("knows members of a federated trust domain, and believes its CA about no other", async () => {
    await theirs.ask(`call ${await partner.serve(partnerId)} ${partnerId}`, "called");
    const pretends = await theirs.ask(`call ${await partner.serve(ourId)} ${ourId}`, "called", "refused");
    assert.equal(pretends["event"], stack.confusesTrustDomains === true ? "called" : "refused");

    const open = String((await theirs.ask(`serve ${partnerId}`, "listening"))["address"]);
    assert.equal(await partner.call(open, partnerId), `hello ${partnerId}`);
    const address = String((await theirs.ask(`serve ${ourId}`, "listening"))["address"]);
    const greeting = stack.confusesTrustDomains === true ? `hello ${ourId}` : undefined;
    assert.equal(await partner.call(address, ourId), greeting);

    const token = partner.token(partnerId, "reports");
    assert.deepEqual(await verdicts(theirs, "reports", token), { local: partnerId, remote: partnerId });
    const overstepping = partner.token(ourId, "reports");
    assert.deepEqual(await verdicts(theirs, "reports", overstepping), { local: undefined, remote: undefined });

    await assert.rejects(ours.call(await partner.serve(theirId), theirId), { code: "ERR_PEER_NOT_VERIFIED" });
    assert.equal(await partner.call(await ours.serve(theirId), theirId), undefined);
    assert.equal(await partner.call(await ours.serve(partnerId), partnerId), `hello ${partnerId}`);
  });

  also?.(() => ({ theirs, ours }));

  it("goes on through two rotations, one of the CA, and a third; connections stay", async () => {
    const ourAddress = await ours.serve(theirId);
    const theirAddress = String((await theirs.ask(`serve ${ourId}`, "listening"))["address"]);
    const kept = await Line.dial(ours.x509, theirAddress, theirId);
    assert.equal(await kept.ask(), `hello ${ourId}`);

    const seen = new Set([serial(kept.peer.leaf)]);
    const firstIssuer = kept.peer.leaf.authorityKeyId;
    /** They call each other until each shows a new SVID that `isNext`, as a server and as a client; no call may fail. */
    const meet = async (isNext: (leaf: Certificate) => boolean): Promise<void> => {
      const isNew = (leaf: Certificate | undefined): boolean =>
        leaf !== undefined && isNext(leaf) && !seen.has(serial(leaf));
      await until(
        async () => {
          const { peer, greeting } = await ours.call(theirAddress, theirId);
          assert.equal(greeting, `hello ${ourId}`);
          assert.equal((await theirs.ask(`call ${ourAddress} ${ourId}`, "called"))["greeting"], `hello ${theirId}`);
          const shown = [peer.leaf, ours.served.at(-1)?.leaf, ours.x509.svid.leaf];
          if (!shown.every(isNew)) return false;
          for (const leaf of shown) if (leaf !== undefined) seen.add(serial(leaf));
          return true;
        },
        { everyMs: 250 },
      );
    };
    for (let rotation = 0; rotation < 2; rotation += 1) {
      await meet(() => true);
    }
    const old = await rotateCa(system);
    await meet((leaf) => leaf.authorityKeyId !== firstIssuer);
    await revoke(system, old);
    await until(() => ours.bundles.get(ours.x509.svid.id.trustDomain)?.x509Authorities.length === 1);
    await meet((leaf) => leaf.authorityKeyId !== firstIssuer);
    assert.equal(await kept.ask(), `hello ${ourId}`);
    kept.close();
  });

  it("goes on with what it has while the agent is away, and follows the one that comes back", async () => {
    const ourAddress = await ours.serve(theirId);
    const theirAddress = String((await theirs.ask(`serve ${ourId}`, "listening"))["address"]);
    const before = serial((await ours.call(theirAddress, theirId)).peer.leaf);
    await theirs.update((leaf) => serial(leaf) !== before, theirs.running.lines.length);
    await agent.running.stop();
    assert.equal((await ours.call(theirAddress, theirId)).greeting, `hello ${ourId}`);
    assert.equal((await theirs.ask(`call ${ourAddress} ${ourId}`, "called"))["greeting"], `hello ${theirId}`);

    const from = theirs.running.lines.length;
    agent = await system.launchAgent(agent.name, agent.alias, agent.token);
    await theirs.update(() => true, from);
    // Not each of their streams comes back at the same moment.
    await until(async () => {
      const { event } = await theirs.ask(`call ${ourAddress} ${ourId}`, "called", "refused");
      const answer = await ours.call(theirAddress, theirId).catch(() => undefined);
      return event === "called" && answer?.greeting === `hello ${ourId}`;
    });
  });

  it("is denied again once its entry is deleted", async () => {
    await system.cli("entry", "delete", entryId);
    await until(async () => (await theirs.ask("fetch", "refused", "fetched"))["event"] === "refused");
  });
}

async function verdicts(theirs: Workload, audience: string, token: string): Promise<object> {
  const from = theirs.say(`validate ${audience} ${token}`);
  const local = await theirs.wait("local", from);
  const remote = await theirs.wait("remote", from);
  for (const verdict of [local, remote]) assert.equal(typeof (verdict["id"] ?? verdict["error"]), "string");
  return { local: local["id"], remote: remote["id"] };
}

/** The same token with another signature of the same length. */
function forged(token: string): string {
  const dot = token.lastIndexOf(".");
  const signature = Buffer.from(token.slice(dot + 1), "base64url");
  signature.reverse();
  return `${token.slice(0, dot + 1)}${signature.toString("base64url")}`;
}

function serial(leaf: Certificate): string {
  return leaf.serialNumber;
}
