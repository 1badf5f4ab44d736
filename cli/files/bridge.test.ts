import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { FakeWorkloadApi } from "../../test/fakes/fake-workload-api.ts";
import { FilesStand } from "../../test/fakes/files-bridge.ts";
import { PairReader } from "../../test/fakes/pair-reader.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { reportOf } from "./health.ts";

function modeOf(path: string): string {
  return (statSync(path).mode & 0o7777).toString(8);
}

function subjectsIn(path: string): readonly string[] {
  const blocks =
    readFileSync(path, "utf8").match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((pem) => new X509Certificate(pem).fingerprint256);
}

describe("files bridge", () => {
  for (const layout of ["swap", "files"] as const) {
    it(`${layout}: writes chain, key and bundle with their modes, tells once, then of each rotation`, async () => {
      const ca = await TestCa.create("one.test");
      await using api = await FakeWorkloadApi.start();
      await using stand = new FilesStand(api.endpoint, { layout });
      const first = await ca.issue("/web");
      api.update({ svids: [first], bundles: [ca.bundle] });
      await stand.until(() => stand.told.length === 1);
      const [chain, key, bundle] = ["svid.pem", "svid_key.pem", "svid_bundle.pem"].map((name) =>
        join(stand.folder, name),
      );
      assert.ok(chain !== undefined && key !== undefined && bundle !== undefined);
      assert.deepEqual([modeOf(chain), modeOf(key), modeOf(bundle)], ["644", "600", "644"]);
      const leaf = new X509Certificate(readFileSync(chain));
      assert.equal(leaf.subjectAltName, "URI:spiffe://one.test/web");
      assert.ok(leaf.checkPrivateKey(createPrivateKey(readFileSync(key))));
      assert.match(readFileSync(key, "utf8"), /^-----BEGIN PRIVATE KEY-----\n/);
      assert.deepEqual(subjectsIn(bundle), [new X509Certificate(ca.certificate.der).fingerprint256]);
      const second = await ca.issue("/web");
      api.update({ svids: [second], bundles: [ca.bundle] });
      await stand.until(() => stand.told.length === 2);
      assert.notEqual(new X509Certificate(readFileSync(chain)).serialNumber, leaf.serialNumber);
      assert.deepEqual(stand.told[1], ["svid_key.pem", "svid.pem"]);
      // Nothing is left lying about: no temporary file, and of old rounds only the one before.
      const left = readdirSync(stand.folder).toSorted();
      const wanted = ["svid.pem", "svid_bundle.pem", "svid_key.pem"];
      const rounds = left.filter((name) => name.startsWith("..gen-"));
      assert.equal(rounds.length, layout === "swap" ? 2 : 0);
      assert.deepEqual(
        left.filter((name) => !name.startsWith("..")),
        wanted,
      );
    });
  }

  for (const [name, changes, files] of [
    ["who resolves ..data", { layout: "swap" }, ["svid.pem", "svid_key.pem", true]],
    ["of the combined file", { layout: "files", combinedFile: "both.pem" }, ["both.pem", "both.pem", false]],
  ] as const) {
    it(`never shows a reader ${name} a key that is not the certificate's, however fast it reads`, async () => {
      const ca = await TestCa.create("one.test");
      await using api = await FakeWorkloadApi.start();
      await using stand = new FilesStand(api.endpoint, changes);
      api.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
      await stand.until(() => stand.told.length === 1);
      const [chain, key, resolvesFolder] = files;
      const paths = { chain: join(stand.folder, chain), key: join(stand.folder, key), resolvesFolder };
      await using reader = await PairReader.start(paths);
      for (let rotation = 2; rotation <= 8; rotation += 1) {
        api.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
        await stand.until(() => stand.told.length === rotation);
      }
      const counts = await reader.stop();
      assert.deepEqual([counts.mismatches, counts.failures], [0, []]);
      assert.ok(counts.certificates >= 4, `${counts.certificates} certificates in ${counts.rounds} rounds`);
    });
  }

  it("has a reader that would notice", async () => {
    const ca = await TestCa.create("one.test");
    await using api = await FakeWorkloadApi.start();
    await using stand = new FilesStand(api.endpoint);
    api.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
    await stand.until(() => stand.told.length === 1);
    const old = join(stand.folder, "old.pem");
    writeFileSync(old, readFileSync(join(stand.folder, "svid.pem")));
    api.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
    await stand.until(() => stand.told.length === 2);
    const key = join(stand.folder, "svid_key.pem");
    await using reader = await PairReader.start({ chain: old, key, resolvesFolder: false });
    assert.ok((await reader.stop()).mismatches > 0);
  });

  it("writes federated bundles, one folder of all bundles, intermediates and JWTs where they are wanted", async () => {
    const [ca, other] = [await TestCa.create("one.test"), await TestCa.create("two.test")];
    await using api = await FakeWorkloadApi.start();
    const svid = await ca.issue("/web");
    api.update({ svids: [svid], bundles: [ca.bundle, other.bundle] });
    api.updateBundles([ca.bundle, other.bundle]);
    await using stand = new FilesStand(api.endpoint, {
      includesFederated: true,
      bundlesFolder: "bundles",
      jwtBundleFile: "jwt.json",
      modes: { cert: 0o640, key: 0o400, jwtBundle: 0o604, jwtSvid: 0o600 },
    });
    await stand.until(() => stand.told.length === 1);
    const path = (name: string): string => join(stand.folder, name);
    const [ours, theirs] = [ca, other].map(({ certificate }) => new X509Certificate(certificate.der).fingerprint256);
    assert.deepEqual(subjectsIn(path("svid_bundle.pem")), [ours, theirs]);
    assert.deepEqual(subjectsIn(path("bundles/one.test.pem")), [ours]);
    assert.deepEqual(subjectsIn(path("bundles/two.test.pem")), [theirs]);
    const document = JSON.parse(readFileSync(path("bundles/two.test.json"), "utf8"));
    assert.equal(document.keys[0].use, "x509-svid");
    const jwt = JSON.parse(readFileSync(path("jwt.json"), "utf8"));
    assert.deepEqual(Object.keys(jwt), ["one.test", "two.test"]);
    assert.deepEqual(JSON.parse(Buffer.from(jwt["one.test"], "base64").toString()), { keys: [] });
    assert.deepEqual(
      ["svid.pem", "svid_key.pem", "jwt.json", "bundles/one.test.json"].map((name) => modeOf(path(name))),
      ["640", "400", "604", "640"],
    );
    // A federation that ends takes its files along.
    api.update({ svids: [svid], bundles: [ca.bundle] });
    await stand.until(() => stand.told.length === 2);
    assert.deepEqual(readdirSync(path("bundles")).toSorted(), ["one.test.json", "one.test.pem"]);
    assert.deepEqual(subjectsIn(path("svid_bundle.pem")), [ours]);
  });

  it("chooses by hint or id; says it and keeps the files when none matches", async () => {
    const ca = await TestCa.create("one.test");
    await using api = await FakeWorkloadApi.start();
    const [web, db] = [await ca.issue("/web", { hint: "outside" }), await ca.issue("/db", { hint: "inside" })];
    api.update({ svids: [web, db], bundles: [ca.bundle] });
    await using stand = new FilesStand(api.endpoint, { hint: "inside" });
    await stand.until(() => stand.told.length === 1);
    const idIn = (): string | undefined =>
      new X509Certificate(readFileSync(join(stand.folder, "svid.pem"))).subjectAltName;
    assert.equal(idIn(), "URI:spiffe://one.test/db");
    api.update({ svids: [web], bundles: [ca.bundle] });
    await stand.until(() => stand.feed.problems.size > 0);
    assert.equal(stand.feed.problems.get("X509-SVID")?.code, "ERR_WORKLOAD_API_DENIED");
    assert.match(
      stand.log.join("\n"),
      /nothing new comes; what was written stays .*none of this process's identities has/,
    );
    assert.equal(idIn(), "URI:spiffe://one.test/db");
    await using byId = new FilesStand(api.endpoint, { spiffeId: web.id });
    await byId.until(() => byId.told.length === 1);
    assert.match(readFileSync(join(byId.folder, "svid.pem"), "utf8"), /BEGIN CERTIFICATE/);
  });

  for (const removesExpired of [false, true]) {
    it(`keeps files of a withdrawn identity until they expire, then ${removesExpired ? "removes" : "leaves"} them`, async () => {
      const clock = new FakeClock(Date.now());
      const ca = await TestCa.create("one.test");
      await using api = await FakeWorkloadApi.start();
      api.update({ svids: [await ca.issue("/web", { notAfterMs: clock.now() + 60_000 })], bundles: [ca.bundle] });
      await using stand = new FilesStand(api.endpoint, { removesExpired }, clock);
      await stand.until(() => stand.told.length === 1);
      const report = () => reportOf({ ...stand, clock });
      assert.deepEqual([report().isLive, report().isReady], [true, true]);
      api.deny();
      await stand.until(() => stand.feed.problems.size > 0);
      assert.match(stand.log.join("\n"), /no identity issued.*"reason":"ERR_FAKE_DENIED","fix":"create an entry"/);
      assert.deepEqual([report().isLive, report().isReady], [true, true]);
      assert.match(JSON.stringify(report().health), /ERR_FAKE_DENIED/);
      assert.ok(readFileSync(join(stand.folder, "svid.pem")).length > 0);
      await clock.advance(61_000);
      await stand.until(() => stand.log.some((line) => line.startsWith("expired without renewal")));
      if (removesExpired) await stand.until(() => stand.told.length === 2);
      const left = readdirSync(stand.folder).filter((name) => !name.startsWith(".."));
      assert.deepEqual(
        left.toSorted(),
        removesExpired ? ["svid_bundle.pem"] : ["svid.pem", "svid_bundle.pem", "svid_key.pem"],
      );
      assert.deepEqual([report().isLive, report().isReady], [true, false]);
      api.update({ svids: [await ca.issue("/web", { notAfterMs: clock.now() + 60_000 })], bundles: [ca.bundle] });
      await clock.advance(20_000);
      await stand.until(() => stand.told.length === (removesExpired ? 3 : 2));
      assert.deepEqual([report().isReady, stand.feed.problems.size], [true, 0]);
      assert.ok(readFileSync(join(stand.folder, "svid_key.pem")).length > 0);
    });
  }

  it("keeps what readers have when files cannot be written, says so, and heals", async () => {
    const clock = new FakeClock(Date.now());
    const ca = await TestCa.create("one.test");
    await using api = await FakeWorkloadApi.start();
    await using stand = new FilesStand(api.endpoint, { layout: "files", combinedFile: "sub/both.pem" }, clock);
    // A file where a folder has to be.
    writeFileSync(join(stand.folder, "sub"), "");
    api.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
    await stand.until(() => stand.bridge.failure !== undefined && stand.log.some((line) => line.includes("could not")));
    assert.deepEqual(readdirSync(stand.folder), ["sub"]);
    assert.equal(reportOf({ ...stand, clock }).isLive, false);
    unlinkSync(join(stand.folder, "sub"));
    await clock.advance(30_000);
    await stand.until(() => stand.told.length === 1);
    assert.equal(reportOf({ ...stand, clock }).isReady, true);
    assert.ok(lstatSync(join(stand.folder, "sub/both.pem")).isFile());
  });

  it("keeps owner and group that the user gave a file, but not where others could have made it", async () => {
    if (process.getuid?.() !== 0) return;
    const ca = await TestCa.create("one.test");
    await using api = await FakeWorkloadApi.start();
    await using stand = new FilesStand(api.endpoint, {
      layout: "files",
      keyFile: "safe/key.pem",
      chainFile: "open/chain.pem",
    });
    for (const [folder, mode] of [
      ["safe", 0o755],
      ["open", 0o777],
    ] as const) {
      mkdirSync(join(stand.folder, folder), { mode: 0o755 });
      const path = join(stand.folder, folder, folder === "safe" ? "key.pem" : "chain.pem");
      writeFileSync(path, "old");
      chownSync(path, 12_345, 23_456);
      chmodSync(join(stand.folder, folder), mode);
    }
    api.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
    await stand.until(() => stand.told.length === 1);
    const ownerOf = (name: string) => {
      const { uid, gid } = statSync(join(stand.folder, name));
      return [uid, gid];
    };
    assert.deepEqual(ownerOf("safe/key.pem"), [12_345, 23_456]);
    assert.equal(ownerOf("open/chain.pem")[0], 0);
  });
});
