import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import { entryService, syncService } from "../../proto/services.ts";
import { systemClock } from "../../runtime/core/index.ts";
import { type CliResult, cli } from "../../test/fakes/cli.ts";
import { defineErrors, listenUnix, RpcRouter, type UnixListener } from "../../transport/index.ts";
import { exitCodes } from "../exit-codes.ts";

const errors = defineErrors({ ERR_FAKE_AWAY: { status: "unavailable", meaning: "scripted", fix: "wait" } });

describe("a server that stops in the middle of a command", () => {
  const folder = mkdtempSync(join(tmpdir(), "cs-broken-"));
  const path = join(folder, "server.sock");
  const agentId = { trust_domain: "a.test", path: "/agent" };
  let listener: UnixListener;
  let batches = 0;
  let answersBatches = 1;
  /** What WaitApplied says, call by call; then it is away. */
  let states: string[] = [];
  const waits: number[] = [];
  /** What ListEntries says, call by call. */
  let listed: Entry[][] = [];
  before(async () => {
    const router = new RpcRouter();
    router.unary(entryService.BatchCreateEntry, async ({ entries }) => {
      batches += 1;
      if (batches > answersBatches) throw errors.error("ERR_FAKE_AWAY", "going away");
      const results = entries.map((_entry, n) => ({
        status: { code: 0, message: "OK" },
        entry: { id: `e${n}`, spiffe_id: agentId, parent_id: agentId, selectors: [{ type: "a", value: "b" }] },
      }));
      return { results };
    });
    router.unary(entryService.ListEntries, async () => ({ entries: listed.shift() ?? [] }));
    router.unary(syncService.WaitApplied, async ({ timeout_ms }) => {
      waits.push(timeout_ms);
      const state = states.shift();
      if (state === undefined) throw errors.error("ERR_FAKE_AWAY", "going away");
      return { agents: [{ agent_id: agentId, state }] };
    });
    listener = await listenUnix({ path, mode: 0o700, directoryMode: 0o700, router, clock: systemClock });
  });
  after(async () => {
    await listener.close({ graceMs: 0 });
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    batches = 0;
    answersBatches = 1;
    states = [];
    waits.length = 0;
  });

  function create(count: number, ...args: readonly string[]): Promise<CliResult> {
    const entry = { spiffe_id: "spiffe://a.test/x", parent_id: "spiffe://a.test/y", selectors: ["a:b"] };
    const stdin = JSON.stringify(Array.from({ length: count }, () => entry));
    return cli(["entry", "create", "--socket", path, "--file", "-", ...args], { stdin });
  }

  it("entry apply: who is overtaken by another says so", async () => {
    const entry = { id: "team.x", spiffe_id: agentId, parent_id: agentId, selectors: [{ type: "a", value: "b" }] };
    const stdin = JSON.stringify({ owner: "team", entries: [{ ...entry, id: undefined, name: "x" }] });
    const args = ["entry", "apply", "--socket", path, "-f", "-", "--yes"];
    listed = [[], [{ ...entry, hint: "of another" }]];
    const overtaken = await cli(args, { stdin });
    assert.deepEqual([overtaken.code, /^1 done$/m.test(overtaken.out)], [exitCodes.refused, true]);
    assert.match(overtaken.err, /at the same time \(ERR_CHANGED_MEANWHILE\)/);
    batches = 0;
    listed = [[], [entry]];
    const alone = await cli(args, { stdin });
    assert.deepEqual([alone.code, alone.err], [exitCodes.ok, ""]);
  });

  it("what was done before is still reported, the rest with the failure as its status", async () => {
    const { code, out } = await create(501, "--output", "json");
    assert.equal(code, exitCodes.refused);
    const { results } = JSON.parse(out);
    assert.equal(results.length, 501);
    assert.deepEqual([results[499].status.code, results[500].status], [0, { code: 14, message: "going away" }]);
    assert.match((await create(1)).err, /going away/);
  });

  it("nothing done is a failure of the whole", async () => {
    answersBatches = 0;
    const { code, out, err } = await create(501, "--output", "json");
    assert.deepEqual([code, out], [exitCodes.unreachable, ""]);
    assert.equal(JSON.parse(err).code, "ERR_FAKE_AWAY");
  });

  it("what was made is printed although the wait fails", async () => {
    const pretty = await create(1, "--wait");
    assert.equal(pretty.code, exitCodes.unreachable);
    assert.match(pretty.out, /^Entry ID +: e0$/m);
    assert.match(pretty.err, /ERR_FAKE_AWAY/);
    batches = 0;
    const asJson = await create(1, "--wait", "--output", "json");
    assert.equal(asJson.code, exitCodes.unreachable);
    assert.equal(JSON.parse(asJson.out).results[0].entry.id, "e0");
  });

  it("waits longer than the server does in one call, and no longer than was asked for", async () => {
    states = ["pending", "pending", "applied"];
    assert.equal((await create(1, "--wait", "--timeout", "10m")).code, exitCodes.ok);
    assert.deepEqual(waits, [60_000, 60_000, 60_000]);
    waits.length = 0;
    batches = 0;
    states = ["pending"];
    assert.equal((await create(1, "--wait", "--timeout", "2")).code, exitCodes.timedOut);
    assert.equal(waits.length, 1);
    assert.ok((waits[0] ?? 0) > 0 && (waits[0] ?? 0) <= 2_000);
  });
});
