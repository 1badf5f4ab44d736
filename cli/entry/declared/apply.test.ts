import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type CliOptions, type CliResult, cli } from "../../../test/fakes/cli.ts";
import { TestServer } from "../../../test/fakes/test-server.ts";
import { exitCodes } from "../../exit-codes.ts";

const parent = "spiffe://example.org/host";

describe("entry apply, entry export", () => {
  const folder = mkdtempSync(join(tmpdir(), "cs-apply-"));
  let server: TestServer;
  before(async () => {
    server = await TestServer.start();
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  function entry(verb: string, args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    return cli(["entry", verb, "--socket", server.config.socketPath, ...args], options);
  }

  /** A folder with these files; an entry of a file is its name and what differs from the usual. */
  function files(name: string, content: Readonly<Record<string, readonly object[]>>): string {
    const path = join(folder, name);
    rmSync(path, { recursive: true, force: true });
    mkdirSync(join(path, "deeper"), { recursive: true });
    for (const [file, entries] of Object.entries(content)) writeFileSync(join(path, file), JSON.stringify({ entries }));
    return path;
  }

  const web = { name: "web", spiffe_id: "spiffe://example.org/web", parent_id: parent, selectors: ["unix:uid:1"] };
  const db = { spiffe_id: "spiffe://example.org/db", parent_id: parent, selectors: ["unix:uid:2"] };

  it("shows, asks, applies, and is then done", async () => {
    const path = files("flow", { "web.yaml": [web], "deeper/db.json": [db], "notes.txt": [{}] });
    const args = ["--owner", "team", "-f", path];
    const dry = await entry("apply", [...args, "--dry-run"]);
    assert.equal(dry.code, exitCodes.differs);
    assert.match(
      dry.out,
      /^\+ create team\.web {2}spiffe:\/\/example\.org\/web\n {4}parent_id: .*\n {4}selectors: unix:uid:1$/m,
    );
    assert.match(dry.out, /^2 to create, 0 to update, 0 to delete, 0 unchanged$/m);
    assert.equal((await entry("count", [])).out, "0 entries");

    const alone = await entry("apply", args);
    assert.deepEqual([alone.code, /--yes/.test(alone.err)], [exitCodes.usage, true]);
    const declined = await entry("apply", args, { answer: false });
    assert.match(declined.err, /nothing was changed \(ERR_NOT_CONFIRMED\)/);
    assert.deepEqual([declined.code, (await entry("count", [])).out], [exitCodes.refused, "0 entries"]);

    const applied = await entry("apply", args, { answer: true });
    assert.deepEqual([applied.code, applied.out.split("\n").at(-1)], [exitCodes.ok, "2 done"]);
    const again = await entry("apply", [...args, "--dry-run"]);
    assert.deepEqual([again.code, again.out], [exitCodes.ok, "0 to create, 0 to update, 0 to delete, 2 unchanged"]);
  });

  it("changes, renames and prunes what it owns, and leaves everything else alone", async () => {
    const others = await entry("create", [
      ...["--parent-id", parent, "--spiffe-id", "spiffe://example.org/other", "--selector", "unix:uid:9"],
    ]);
    assert.equal(others.code, exitCodes.ok);
    const path = files("change", {
      "all.json": [
        { ...web, name: "renamed" },
        { ...db, selectors: ["unix:uid:3"], hint: "main" },
      ],
    });
    const { code, json } = await entry("apply", ["--owner", "team", "-f", path, "--yes", "--output", "json"]);
    assert.equal(code, exitCodes.ok);
    const { create, update, results } = json as {
      create: { id: string }[];
      update: unknown[];
      results: { action: string; id: string; status: { code: number } }[];
    };
    assert.deepEqual([create.length, update], [2, []]);
    assert.equal(
      results.every(({ status }) => status.code === 0),
      true,
    );
    // The old name of the same identity goes first, the other only after all else is there.
    assert.deepEqual(
      results.map(({ action }) => action),
      ["delete", "create", "create", "delete"],
    );
    assert.equal((await entry("count", [])).out, "3 entries");
    const longer = files("change", { "all.json": [{ ...web, name: "renamed", x509_svid_ttl: 60 }] });
    const kept = await entry("apply", ["--owner", "team", "-f", longer, "--yes", "--no-prune"]);
    assert.match(kept.out, /x509_svid_ttl: default → 60\n0 to create, 1 to update, 0 to delete, 0 unchanged/);
    assert.equal((await entry("count", [])).out, "3 entries");
  });

  it("does not apply what is no longer what was shown", async () => {
    const stdin = JSON.stringify([{ ...web, name: "shown" }]);
    const id = "team.meanwhile";
    const somebodyElse = async (): Promise<boolean> => {
      const other = ["--entry-id", id, "--parent-id", parent, "--spiffe-id", "spiffe://example.org/meanwhile"];
      assert.equal((await entry("create", [...other, "--selector", "unix:uid:7"])).code, exitCodes.ok);
      return true;
    };
    const args = ["--owner", "team", "-f", "-"];
    const { code, out, err } = await entry("apply", args, { stdin, answer: somebodyElse });
    assert.equal(code, exitCodes.refused);
    assert.doesNotMatch(out, /meanwhile| done/);
    assert.match(err, /nothing was changed by this \(ERR_CHANGED_MEANWHILE\)/);
    assert.equal((await entry("show", ["--entry-id", id])).code, exitCodes.ok);
    const shown = await entry("apply", [...args, "--yes"], { stdin });
    assert.deepEqual([shown.code, /^- delete team\.meanwhile/m.test(shown.out)], [exitCodes.ok, true]);
  });

  it("what is named twice is named once: applied again it changes nothing", async () => {
    const twice = { ...web, name: "shown", selectors: ["unix:uid:1", "unix:uid:1"], dns_names: ["b.x", "a.x", "b.x"] };
    const args = ["--owner", "team", "-f", "-", "--yes"];
    const stdin = JSON.stringify([twice]);
    assert.equal((await entry("apply", args, { stdin })).code, exitCodes.ok);
    assert.match((await entry("apply", args, { stdin })).out, /^0 to create, 0 to update, 0 to delete, 1 unchanged$/);
  });

  it("takes nothing for everything only when told so", async () => {
    const path = files("empty", {});
    const args = ["--owner", "team", "-f", path, "--yes"];
    const refused = await entry("apply", args);
    assert.deepEqual([refused.code, /--allow-empty/.test(refused.err)], [exitCodes.usage, true]);
    assert.equal((await entry("apply", [...args, "--allow-empty"])).code, exitCodes.ok);
    assert.match((await entry("list", [])).out, /example\.org\/other/);
    assert.equal((await entry("count", [])).out, "1 entry");
  });

  it("reports every problem and changes nothing", async () => {
    const path = files("bad", {
      "a.json": [
        { ...web, surprise: 1 },
        { ...web, id: "x" },
        { ...db, id: "others.db" },
        { ...db, name: "a b" },
      ],
      "b.json": [{ ...db, spiffe_id: "spiffe://example.org/other", selectors: ["unix:uid:9"] }],
    });
    const { code, err } = await entry("apply", ["--owner", "team", "-f", path, "--yes"]);
    assert.equal(code, exitCodes.usage);
    for (const problem of [
      /a\.json: line \d+: entry 1: .*surprise/,
      /entry 2: has both/,
      /others owns it/,
      /entry 4: name: must be/,
    ])
      assert.match(err, problem);
    const clash = await entry("apply", ["--owner", "team", "-f", join(path, "b.json"), "--yes"]);
    assert.match(clash.err, /b\.json: entry 1: is on the server as [0-9a-f-]+: write "id: /);
    assert.match((await entry("apply", ["-f", join(path, "b.json")])).err, /needs an id, or an owner/);
    const two = await entry("apply", ["--owner", "team", "-f", "-", "--yes"], { stdin: "owner: rest\nentries: []" });
    assert.match(two.err, /more than one owner: team, rest/);
    assert.equal((await entry("apply", ["-f", join(folder, "nowhere")])).code, exitCodes.usage);
    assert.equal((await entry("count", [])).out, "1 entry");
  });

  it("export gives what apply and create read: nothing is different afterwards", async () => {
    const path = files("round", { "all.json": [{ ...web, dns_names: ["b.x", "a.x"], hint: "yes: #1" }, db] });
    await entry("apply", ["--owner", "team", "-f", path, "--yes"]);
    const owned = await entry("export", ["--owner", "team"]);
    assert.match(owned.out, /^owner: team\nentries:\n {2}- name: [0-9a-f]{32}$/m);
    const all = await entry("export", []);
    for (const stdin of [owned.out, all.out, (await entry("export", ["--output", "json"])).out]) {
      const { code, out } = await entry("apply", ["--owner", "team", "--no-prune", "-f", "-", "--dry-run"], { stdin });
      assert.equal(code, exitCodes.ok, out);
    }
    const ids = JSON.parse((await entry("list", ["--output", "json"])).out).entries.map(({ id }: { id: string }) => id);
    assert.equal((await entry("delete", ids)).code, exitCodes.ok);
    assert.equal((await entry("create", ["--file", "-"], { stdin: all.out })).code, exitCodes.ok);
    assert.equal((await entry("export", [])).out, all.out);
  });
});
