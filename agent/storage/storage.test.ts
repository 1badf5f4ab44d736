import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { encodeSpki } from "../../certs/index.ts";
import { noMetrics, silentLogger } from "../../runtime/core/index.ts";
import { replaceFile } from "../../runtime/host/replace-file.ts";
import { SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import { selectors } from "../../test/fakes/agent-world.ts";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { FakeServer } from "../../test/fakes/fake-server-link.ts";
import { generateKeyAtOnce } from "../../test/fakes/keys.ts";
import { seededRandom } from "../../test/fakes/seeded-random.ts";
import { restoreSvid } from "../identities/held-svid.ts";
import { describeWorkloadKey } from "../identities/workload-keys.ts";
import { nodeIdentity } from "../identity/node-identity.ts";
import { createAgentEvents } from "../telemetry/events.ts";
import { NodeFiles } from "./node-files.ts";
import { readFileBounded } from "./read-bounded.ts";
import { isInMemory } from "./tmpfs.ts";
import { TmpfsWorkloadStore } from "./tmpfs-workload-store.ts";
import { decodeWorkloadState, encodeWorkloadState } from "./workload-codec.ts";
import type { WorkloadState } from "./workload-state.ts";

const trustDomain = TrustDomain.parse("example.org");
const agentId = SpiffeId.parse("spiffe://example.org/spire/agent/join_token/t");
const clock = new FakeClock();
const events = createAgentEvents(silentLogger, noMetrics);

async function folderFor(context: TestContext, parent = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(parent, "st-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function identityOf(server: FakeServer) {
  const key = await generateKeyAtOnce("ec-p256");
  const spki = encodeSpki(createPublicKey(key));
  return nodeIdentity(trustDomain, key, [server.issuer.x509For(spki, agentId, [], clock.now(), 600).der], false);
}

async function stateWithOneSvid(server: FakeServer, ttl = 600): Promise<WorkloadState> {
  const additionalAttributes = { disableX509SvidPrefetch: true, jwtSvidIncludeJti: false };
  const entry = server.putEntry({
    id: "web",
    spiffeId: "spiffe://example.org/web",
    selectors: selectors("unix:uid:1"),
    federatesWith: [TrustDomain.parse("partner.example")],
    dnsNames: ["web.example"],
    hint: "main",
    additionalAttributes,
  });
  const key = describeWorkloadKey(await generateKeyAtOnce("ec-p256"));
  const chain = [server.issuer.x509For(key.spkiDer, entry.spiffeId, [], clock.now(), ttl).der];
  return {
    agentId,
    positions: [{ type: "entry", position: { epoch: "e", n: 7 } }],
    entries: [entry],
    svids: [restoreSvid(entry, key.keyDer, key.spkiDer, chain)],
    foreignBundles: [],
    distrusted: { x509: ["ab"], jwt: [] },
  };
}

const makeServer = () => FakeServer.create(trustDomain, clock, seededRandom(3));

describe("replaceFile()", () => {
  it("writes 0600, leaves nothing beside, and replaces what was there", async (context) => {
    const folder = await folderFor(context);
    const path = join(folder, "x");
    await replaceFile(path, "one");
    await writeFile(join(folder, ".x.new"), "left over of a crash");
    await replaceFile(path, "two");
    assert.equal(await readFileBounded(path, 10), "two");
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(folder), ["x"]);
  });

  it("does not follow a link to read, and refuses a file beyond the limit", async (context) => {
    const folder = await folderFor(context);
    await writeFile(join(folder, "target"), "12345");
    await symlink(join(folder, "target"), join(folder, "link"));
    await assert.rejects(readFileBounded(join(folder, "link"), 10), { code: "ELOOP" });
    await assert.rejects(readFileBounded(join(folder, "target"), 4), RangeError);
    assert.equal(await readFileBounded(join(folder, "missing"), 4), undefined);
  });
});

describe("NodeFiles", () => {
  async function stored(context: TestContext) {
    const folder = await folderFor(context);
    const files = await NodeFiles.open(folder, trustDomain);
    const server = await makeServer();
    await files.saveState({ active: await identityOf(server), previous: undefined, proofDigest: "" });
    await files.saveBundle(server.issuer.bundle());
    return { files, identity: join(folder, "identity.json"), bundle: join(folder, "bundle.json") };
  }

  it("refuses a key that others may read, and files that others may write", async (context) => {
    const { files, identity, bundle } = await stored(context);
    for (const mode of [0o640, 0o604, 0o620]) {
      await chmod(identity, mode);
      await assert.rejects(files.loadState(), {
        code: "ERR_NODE_STATE_EXPOSED",
        message: /identity\.json has mode 06/,
      });
    }
    await chmod(identity, 0o400);
    assert.ok(await files.loadState());
    await chmod(bundle, 0o622);
    await assert.rejects(files.loadBundle(), { code: "ERR_NODE_STATE_EXPOSED" });
    await chmod(bundle, 0o644);
    assert.ok(await files.loadBundle());
  });

  it("names the file where something else is in its place", async (context) => {
    const { files, identity } = await stored(context);
    await rm(identity);
    await mkdir(identity);
    await assert.rejects(files.loadState(), { code: "ERR_NODE_STATE_UNREADABLE", message: /identity\.json cannot/ });
    await rm(identity, { recursive: true });
    await symlink(identity, identity);
    await assert.rejects(files.loadState(), { code: "ERR_NODE_STATE_UNREADABLE", message: /identity\.json cannot/ });
    await assert.rejects(NodeFiles.open(join(identity, "below"), trustDomain), { code: "ERR_NODE_STATE_UNREADABLE" });
  });

  it("gives back what was stored, key and SVID together", async (context) => {
    const files = await NodeFiles.open(await folderFor(context), trustDomain);
    assert.equal(await files.loadState(), undefined);
    const server = await makeServer();
    const [active, previous] = [await identityOf(server), await identityOf(server)];
    await files.saveState({ active, previous, proofDigest: "00" });
    await files.saveBundle(server.issuer.bundle());
    const loaded = await files.loadState();
    assert.ok(loaded?.active.key.equals(active.key));
    assert.deepEqual(loaded?.previous?.chain.map(Buffer.from), previous.chain.map(Buffer.from));
    assert.equal(loaded?.proofDigest, "00");
    assert.ok((await files.loadBundle())?.equals(server.issuer.bundle()));
    await files.eraseState();
    assert.equal(await files.loadState(), undefined);
  });

  it("refuses a file of another form, and a key that is not the SVID's", async (context) => {
    const folder = await folderFor(context);
    const files = await NodeFiles.open(folder, trustDomain);
    const server = await makeServer();
    const active = await identityOf(server);
    const other = await identityOf(server);
    await files.saveState({ active: { ...active, key: other.key }, previous: undefined, proofDigest: "" });
    await assert.rejects(files.loadState(), { code: "ERR_NODE_STATE_CORRUPT" });
    await writeFile(join(folder, "identity.json"), "{}");
    await assert.rejects(files.loadState(), { code: "ERR_NODE_STATE_CORRUPT" });
    for (const unusable of ["PEM?", '{"keys":[]}', '{"keys":[{"use":"x509-svid","kty":"EC","x5c":["AAAA"]}]}']) {
      await writeFile(join(folder, "bundle.json"), unusable);
      await assert.rejects(files.loadBundle(), { code: "ERR_NODE_STATE_CORRUPT" });
    }
    await writeFile(join(folder, "identity.json"), Buffer.alloc(17 * 1024 * 1024, 0x20));
    await assert.rejects(files.loadState(), { code: "ERR_NODE_STATE_CORRUPT" });
  });
});

describe("workload state", () => {
  it("survives encoding as it was", async () => {
    const state = await stateWithOneSvid(await makeServer());
    const back = decodeWorkloadState(encodeWorkloadState(state), clock.now());
    assert.deepEqual(back.positions, state.positions);
    assert.deepEqual(back.distrusted, state.distrusted);
    assert.equal(encodeWorkloadState(back), encodeWorkloadState(state));
    assert.equal(back.svids[0]?.renewAtMs, state.svids[0]?.renewAtMs, "the renewal time is not redrawn");
  });

  it("leaves out SVIDs that expired or that their entry no longer asks for", async () => {
    const state = await stateWithOneSvid(await makeServer());
    assert.equal(decodeWorkloadState(encodeWorkloadState(state), clock.now() + 600_000).svids.length, 0);
    const entries = state.entries.map((entry) => ({ ...entry, dnsNames: ["other.example"] }));
    assert.equal(decodeWorkloadState(encodeWorkloadState({ ...state, entries }), clock.now()).svids.length, 0);
  });

  it("with a key that is not the SVID's is refused", async () => {
    const state = await stateWithOneSvid(await makeServer());
    const { keyDer } = describeWorkloadKey(await generateKeyAtOnce("ec-p256"));
    const svids = state.svids.map((svid) => ({ ...svid, keyDer }));
    assert.throws(() => decodeWorkloadState(encodeWorkloadState({ ...state, svids }), clock.now()), {
      code: "ERR_SVID_UNUSABLE",
    });
  });
});

describe("TmpfsWorkloadStore", () => {
  it("stores on tmpfs for one agent, and discards what is another's or damaged", async (context) => {
    // /dev/shm is tmpfs on every Linux that has it; where it is not, this is the case below.
    const isTmpfs = await isInMemory("/dev/shm").catch(() => false);
    const folder = await folderFor(context, isTmpfs ? "/dev/shm" : tmpdir());
    const store = await TmpfsWorkloadStore.open(folder, events);
    assert.equal(store !== undefined, isTmpfs);
    if (store === undefined) return;
    const state = await stateWithOneSvid(await makeServer());
    await store.save(state);
    assert.equal((await store.load(agentId, clock.now()))?.svids.length, 1);
    const other = SpiffeId.parse("spiffe://example.org/spire/agent/join_token/other");
    assert.equal(await store.load(other, clock.now()), undefined);
    assert.deepEqual(await readdir(folder), [], "another agent's keys are wiped");
    await writeFile(join(folder, "workloads.json"), "{");
    assert.equal(await store.load(agentId, clock.now()), undefined);
    await store.save(state);
    await store.wipe();
    assert.deepEqual(await readdir(folder), []);
  });

  it("is not there on a disk", async () => {
    // The repository is on a disk (or an image of one); /proc is in no sense tmpfs.
    assert.equal(await isInMemory("/proc"), false);
  });
});
