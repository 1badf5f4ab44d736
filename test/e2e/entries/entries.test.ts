import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { System } from "../../env/system.ts";
import { entriesReachWorkloads, jwtSvidsOutliveTheServer } from "./scenarios.ts";

describe("entries", () => {
  it("reach a waiting workload when created, changed and deleted, and refusals explain themselves", () =>
    entriesReachWorkloads());

  it("give JWT-SVIDs that validate, also after the server is gone, until they expire", () =>
    jwtSvidsOutliveTheServer());

  it("list, count, show and files work; a similar entry is named", async () => {
    await using system = await System.start();
    const server = system.trustDomain;
    const parent = `spiffe://${server}/host/none`;
    const file = JSON.stringify({
      entries: ["a", "b", "c"].map((name) => ({
        spiffe_id: `spiffe://${server}/${name}`,
        parent_id: parent,
        selectors: ["unix:uid:4711", `unix:path:/usr/bin/${name}`],
      })),
    });
    const made = await system.tryCliWithInput(file, "entry", "create", "--file", "-", "--output", "json");
    assert.equal(made.code, 0, made.stderr);
    assert.equal(JSON.parse(made.stdout).results.length, 3);
    const again = await system.tryCliWithInput(file, "entry", "create", "--file", "-");
    assert.equal(again.code, 1);
    assert.match(again.stderr, /similar entry already exists/);
    assert.match((await system.cli("entry", "count")).stdout, /^3 entries/);
    assert.match((await system.cli("entry", "count", "--selector", "unix:path:/usr/bin/a")).stdout, /^1 entry/);
    const listed = await system.json("entry", "list", "--spiffe-id", `spiffe://${server}/b`);
    assert.ok(Array.isArray(listed["entries"]) && listed["entries"].length === 1);
    const bad = await system.tryCliWithInput(
      "- spiffe_id: spiffe://x/y\n  surprise: 1\n",
      "entry",
      "create",
      "--file",
      "-",
    );
    assert.equal(bad.code, 2);
    assert.match(bad.stderr, /surprise/);
    assert.match(bad.stderr, /parent_id/);
    const missing = await system.tryCli("entry", "show", "no-such-entry");
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /ERR_ENTRY_NOT_FOUND/);
  });
});
