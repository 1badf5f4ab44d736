import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { entryService } from "../../proto/services.ts";
import { type CliOptions, type CliResult, cli } from "../../test/fakes/cli.ts";
import { TestServer } from "../../test/fakes/test-server.ts";
import { exitCodes } from "../exit-codes.ts";

const parent = "spiffe://example.org/host/web-1";

interface WireEntry {
  readonly id: string;
  readonly spiffe_id: { readonly trust_domain: string; readonly path: string };
  readonly [field: string]: unknown;
}

interface Item {
  readonly status: { readonly code: number; readonly message: string };
  readonly id: string;
  readonly entry: WireEntry | null;
}

describe("countersign entry", () => {
  let server: TestServer;
  before(async () => {
    server = await TestServer.start();
  });
  after(() => server[Symbol.asyncDispose]());

  function entry(verb: string, args: readonly string[] = [], options: CliOptions = {}): Promise<CliResult> {
    return cli(["entry", verb, "--socket", server.config.socketPath, ...args], options);
  }

  async function json<Result>(verb: string, args: readonly string[] = [], options: CliOptions = {}): Promise<Result> {
    const result = await entry(verb, ["--output", "json", ...args], options);
    return JSON.parse(result.out);
  }

  async function create(path: string, ...args: readonly string[]): Promise<WireEntry> {
    const { results } = await json<{ results: Item[] }>("create", [
      ...["--parent-id", parent, "--spiffe-id", `spiffe://example.org${path}`, "--selector", "unix:uid:1000", ...args],
    ]);
    const made = results[0]?.entry;
    assert.ok(made, JSON.stringify(results));
    return made;
  }

  const show = (id: string): Promise<WireEntry> => json("show", [id]);

  it("create: prints what was made, for people", async () => {
    const { code, out, err } = await entry("create", [
      ...["--parent-id", parent, "--spiffe-id", "spiffe://example.org/pretty", "--selector", "unix:uid:1"],
      ...["--selector", "unix:user:web", "--x509-ttl", "1h30m", "--dns", "a.internal", "--dns", "b.internal"],
      ...["--hint", "main", "--admin", "--downstream", "--expires-at", "4000000000"],
    ]);
    assert.deepEqual([code, err], [exitCodes.ok, ""]);
    for (const line of [
      /^Entry ID {6}: [0-9a-f-]{36}$/m,
      /^SPIFFE ID {5}: spiffe:\/\/example\.org\/pretty$/m,
      /^Parent ID {5}: spiffe:\/\/example\.org\/host\/web-1$/m,
      /^X509-SVID TTL : 1h30m$/m,
      /^JWT-SVID TTL {2}: default$/m,
      /^Selectors {5}: unix:uid:1\n {14}: unix:user:web$/m,
      /^DNS names {5}: a\.internal\n {14}: b\.internal$/m,
      /^Hint {10}: main$/m,
      /^Admin {9}: yes$/m,
      /^Downstream {4}: yes$/m,
      /^Expires {7}: 2096-10-02 07:06:40 UTC$/m,
    ]) {
      assert.match(out, line);
    }
  });

  it("create: gives the wire's names, 64-bit integers as text, to programs", async () => {
    const { results } = await json<{ results: Item[] }>("create", [
      ...["--parent-id", parent, "--spiffe-id", "spiffe://example.org/json", "--selector", "unix:uid:1"],
      ...["--entry-id", "chosen-id", "--x509-ttl", "90s", "--jwt-ttl", "5m", "--hint", "h"],
    ]);
    const [{ status, entry: made } = { status: undefined, entry: undefined }] = results;
    assert.ok(made !== undefined && made !== null);
    const { created_at, ...rest } = made;
    assert.deepEqual(status, { code: 0, message: "OK" });
    assert.match(String(created_at), /^\d{10}$/);
    assert.equal(typeof created_at, "string");
    assert.deepEqual(rest, {
      id: "chosen-id",
      spiffe_id: { trust_domain: "example.org", path: "/json" },
      parent_id: { trust_domain: "example.org", path: "/host/web-1" },
      selectors: [{ type: "unix", value: "uid:1" }],
      x509_svid_ttl: 90,
      jwt_svid_ttl: 300,
      federates_with: [],
      admin: false,
      downstream: false,
      expires_at: "0",
      dns_names: [],
      revision_number: "0",
      store_svid: false,
      hint: "h",
    });
  });

  it("create --node: the parent is the server", async () => {
    const { results } = await json<{ results: Item[] }>("create", [
      ...["--node", "--spiffe-id", "spiffe://example.org/cluster", "--selector", "join_token:abc"],
    ]);
    assert.deepEqual(results[0]?.entry?.["parent_id"], { trust_domain: "example.org", path: "/spire/server" });
  });

  it("create: names every flag that is missing", async () => {
    const { code, err } = await entry("create", ["--hint", "x"]);
    assert.equal(code, exitCodes.usage);
    assert.match(err, /missing --parent-id, --spiffe-id, --selector \(ERR_USAGE\)/);
    assert.match(err, /--file/);
  });

  it("create: shows the similar entry that is in the way, and ends with 1", async () => {
    const first = await create("/similar");
    const args = ["--parent-id", parent, "--spiffe-id", "spiffe://example.org/similar", "--selector", "unix:uid:1000"];
    const { code, out, err } = await entry("create", args);
    assert.deepEqual([code, out], [exitCodes.refused, ""]);
    assert.match(
      err,
      /^Error: not created: similar entry already exists \(ERR_ENTRY_EXISTS\)\n +update the existing entry.*\nThe entry in the way:\n/,
    );
    assert.ok(err.includes(first.id));
    const { results } = await json<{ results: Item[] }>("create", args);
    assert.deepEqual([results[0]?.status.code, results[0]?.entry?.id], [6, first.id]);
  });

  it("create: says why the server refuses an entry", async () => {
    const { code, err } = await entry("create", [
      ...["--parent-id", parent, "--spiffe-id", "spiffe://elsewhere.test/web", "--selector", "unix:uid:1"],
    ]);
    assert.equal(code, exitCodes.refused);
    assert.match(err, /^Error: not created: invalid entry: .* \(ERR_ENTRY_INVALID\)\n +correct what/);
  });

  it("create: warns of a unix selector that no agent makes, and creates the entry", async () => {
    const args = ["--parent-id", parent, "--spiffe-id", "spiffe://example.org/misspelt"];
    const { code, err } = await entry("create", [...args, "--selector", "unix:uuid:1", "--selector", "unix:gid:1"]);
    assert.equal(code, exitCodes.ok);
    assert.match(err, /^Warning: no agent makes the selector unix:uuid:1; of type unix there are uid, user, /);
    assert.doesNotMatch(err, /unix:gid:1/);
  });

  it("create --file -: many at once; those that are refused make the exit code 1", async () => {
    const stdin = JSON.stringify({
      entries: [
        { spiffe_id: "spiffe://example.org/f/1", parent_id: parent, selectors: ["unix:uid:1"] },
        { spiffe_id: "spiffe://elsewhere.test/f/2", parent_id: parent, selectors: ["unix:uid:1"] },
        { spiffe_id: "spiffe://example.org/f/3", parent_id: parent, selectors: [{ type: "unix", value: "uid:1" }] },
      ],
    });
    const { code, out } = await entry("create", ["--file", "-", "--output=json"], { stdin });
    assert.equal(code, exitCodes.refused);
    const { results }: { results: Item[] } = JSON.parse(out);
    assert.deepEqual(
      results.map(({ status }) => status.code),
      [0, 3, 0],
    );
  });

  it("create --file: other flags beside it are refused, not ignored", async () => {
    const { code, err } = await entry("create", ["--file", "-", "--hint", "x", "--node", "--dns", "a", "--admin"]);
    assert.equal(code, exitCodes.usage);
    assert.match(err, /--file cannot be combined with --dns, --hint, --admin, --node \(ERR_USAGE\)/);
  });

  it("show: one entry, or that there is none", async () => {
    const { id } = await create("/shown");
    assert.equal((await show(id)).id, id);
    assert.match((await entry("show", [id])).out, /^SPIFFE ID {5}: spiffe:\/\/example\.org\/shown$/m);
    const missing = await entry("show", ["nowhere"]);
    assert.equal(missing.code, exitCodes.refused);
    assert.match(missing.err, /^Error: .*not found \(ERR_ENTRY_NOT_FOUND\)\n {7}\S/);
    const asJson = await entry("show", ["nowhere", "--output", "json"]);
    assert.equal(JSON.parse(asJson.err).code, "ERR_ENTRY_NOT_FOUND");
    assert.ok(JSON.parse(asJson.err).hint.length > 0);
  });

  it("list and count: one line per entry, by every filter", async () => {
    const selectors = ["a", "b", "c", "d", "e"].flatMap((value) => ["--selector", `filter:${value}`]);
    const made = await create("/filtered", ...selectors, "--hint", "filter-hint", "--downstream");
    const own = ["--spiffe-id", "spiffe://example.org/filtered"];
    const { out } = await entry("list", own);
    assert.equal(out.split("\n").length, 2, out);
    assert.match(out, /^ENTRY ID +SPIFFE ID +PARENT ID +SELECTORS$/m);
    assert.match(out, /filter:a filter:b filter:c \(and 3 more\)$/m);
    assert.equal((await entry("count", own)).out, "1 entry");
    for (const [filter, expected] of [
      [["--parent-id", parent, ...own], 1],
      [["--parent-id", "spiffe://example.org/none"], 0],
      [["--hint", "filter-hint"], 1],
      [["--downstream", "--hint", "filter-hint"], 1],
      [["--selector", "filter:a"], 1],
      [["--selector", "filter:a", "--match-selectors-on", "exact"], 0],
      [["--selector", "filter:a", "--selector", "x:y", "--match-selectors-on", "any"], 1],
      [["--selector", "filter:a", "--selector", "x:y", "--match-selectors-on", "superset"], 0],
      [[...selectors, "--selector", "unix:uid:1000", "--match-selectors-on", "subset", ...own], 1],
      [["--federates-with", "other.test"], 0],
    ] as const) {
      const { entries } = await json<{ entries: WireEntry[] }>("list", filter);
      assert.equal(entries.length, expected, filter.join(" "));
      if (expected === 1) assert.equal(entries[0]?.id, made.id);
      assert.deepEqual(await json("count", filter), { count: expected });
    }
    assert.equal((await entry("list", ["--hint", "no such"])).out, "no entries");
    assert.equal((await entry("count", ["--hint", "no such"])).out, "0 entries");
  });

  it("list: more than a page of 1000, all of them once", async () => {
    const stdin = JSON.stringify(
      Array.from({ length: 1_003 }, (_, n) => ({
        spiffe_id: `spiffe://example.org/page/${n}`,
        parent_id: "spiffe://example.org/host/pages",
        selectors: [`page:${n}`],
      })),
    );
    const made = await entry("create", ["--file", "-", "--output=json"], { stdin });
    assert.equal(made.code, exitCodes.ok);
    const { entries, next_page_token } = await json<{ entries: WireEntry[]; next_page_token: string }>("list", [
      ...["--parent-id", "spiffe://example.org/host/pages"],
    ]);
    assert.equal(next_page_token, "");
    assert.equal(new Set(entries.map(({ id }) => id)).size, 1_003);
    const deleted = await entry(
      "delete",
      entries.map(({ id }) => id),
    );
    assert.equal(deleted.code, exitCodes.ok);
    assert.equal(deleted.out.split("\n").length, 1_003);
  });

  it("update: writes the fields that are named and no other", async () => {
    const { id } = await create("/updated", "--hint", "before", "--dns", "old.internal", "--admin", "--downstream");
    const before = await show(id);
    const { code, out } = await entry("update", [id, "--x509-ttl", "30m", "--dns", "new.internal"]);
    assert.equal(code, exitCodes.ok);
    assert.match(out, /^X509-SVID TTL : 30m$/m);
    const { x509_svid_ttl, dns_names, revision_number, ...rest } = await show(id);
    assert.deepEqual([x509_svid_ttl, dns_names, revision_number], [1800, ["new.internal"], "1"]);
    const { x509_svid_ttl: _ttl, dns_names: _dns, revision_number: _revision, ...untouched } = before;
    assert.deepEqual(rest, untouched);
  });

  it("update: every flag changes its field, and can take it back", async () => {
    const { id } = await create("/flags");
    const to = async (...flags: readonly string[]): Promise<WireEntry> => {
      const { code, err } = await entry("update", [id, ...flags]);
      assert.equal(code, exitCodes.ok, err);
      return show(id);
    };
    for (const [flags, field, expected] of [
      [["--parent-id", "spiffe://example.org/host/2"], "parent_id", { trust_domain: "example.org", path: "/host/2" }],
      [["--spiffe-id", "spiffe://example.org/moved"], "spiffe_id", { trust_domain: "example.org", path: "/moved" }],
      [["--selector", "unix:uid:7"], "selectors", [{ type: "unix", value: "uid:7" }]],
      [["--jwt-ttl", "60"], "jwt_svid_ttl", 60],
      [["--hint", "new"], "hint", "new"],
      [["--hint", ""], "hint", ""],
      [["--dns", "x.internal", "--dns", "y.internal"], "dns_names", ["x.internal", "y.internal"]],
      [["--dns", ""], "dns_names", []],
      [["--expires-at", "4000000000"], "expires_at", "4000000000"],
      [["--expires-at", "0"], "expires_at", "0"],
      [["--admin"], "admin", true],
      [["--no-admin"], "admin", false],
      [["--downstream"], "downstream", true],
      [["--no-downstream"], "downstream", false],
      [["--federates-with", ""], "federates_with", []],
    ] as const) {
      assert.deepEqual((await to(...flags))[field], expected, flags.join(" "));
    }
    const refused = await entry("update", [id, "--federates-with", "unknown.test"]);
    assert.equal(refused.code, exitCodes.refused);
    assert.match(refused.err, new RegExp(`^Error: ${id} not updated: .*unknown.test .*\\(ERR_ENTRY_NO_BUNDLE\\)`));
  });

  it("update --replace: writes every field, as SPIRE's own update does", async () => {
    const { id } = await create("/replaced", "--hint", "before", "--dns", "old.internal", "--admin");
    const spires = ["-entryID", id, "-spiffeID", "spiffe://example.org/replaced", "-parentID", parent];
    const { code, err } = await entry("update", [...spires, "-selector", "unix:uid:9", "-x509SVIDTTL", "60"]);
    assert.equal(code, exitCodes.ok, err);
    const { hint, dns_names, admin, x509_svid_ttl, selectors } = await show(id);
    assert.deepEqual([hint, dns_names, admin, x509_svid_ttl], ["", [], false, 60]);
    assert.deepEqual(selectors, [{ type: "unix", value: "uid:9" }]);
    const partly = await entry("update", [id, "--replace", "--hint", "x"]);
    assert.equal(partly.code, exitCodes.usage);
    assert.match(partly.err, /missing --parent-id, --spiffe-id, --selector/);
  });

  it("update: one of the two attributes stays when the other is named", async () => {
    const { id, ...made } = await create("/attributes", "--jwt-include-jti");
    assert.deepEqual(made["additional_attributes"], { disable_x509_svid_prefetch: false, jwt_svid_include_jti: true });
    assert.equal((await entry("update", [id, "--disable-x509-prefetch"])).code, exitCodes.ok);
    assert.deepEqual((await show(id))["additional_attributes"], {
      disable_x509_svid_prefetch: true,
      jwt_svid_include_jti: true,
    });
  });

  it("show: without an id all that match, as SPIRE does; by --entry-id a list of one", async () => {
    const { id } = await create("/spires-show");
    const own = ["-spiffeID", "spiffe://example.org/spires-show"];
    const listed = await json<{ entries: WireEntry[] }>("show", own);
    assert.deepEqual(
      listed.entries.map((one) => one.id),
      [id],
    );
    assert.deepEqual(await json("show", ["-entryID", id]), listed);
    assert.match((await entry("show", own)).out, new RegExp(`^Entry ID +: ${id}$`, "m"));
    assert.equal((await entry("show", ["-entryID", id, ...own])).code, exitCodes.usage);
  });

  it("create --output json: what failed is answered with what was asked, as SPIRE does", async () => {
    const { results } = await json<{ results: Item[] }>("create", [
      ...["--parent-id", parent, "--spiffe-id", "spiffe://elsewhere.test/x", "--selector", "a:b"],
    ]);
    assert.deepEqual(results[0]?.status.code, 3);
    assert.deepEqual(results[0]?.entry?.spiffe_id, { trust_domain: "elsewhere.test", path: "/x" });
    assert.deepEqual(Object.keys(results[0] ?? {}), ["status", "entry"]);
  });

  it("delete --file: ids as SPIRE's file has them", async () => {
    const [one, two] = [await create("/by-file/1"), await create("/by-file/2")];
    const { code } = await entry("delete", ["-file", "-"], { stdin: JSON.stringify({ ids: [one.id, two.id] }) });
    assert.equal(code, exitCodes.ok);
    const none = await entry("delete", ["-file", "-", "-output", "json"], { stdin: '{"ids":[]}' });
    assert.deepEqual([none.code, none.json], [exitCodes.ok, { results: [] }]);
    for (const [args, stdin] of [
      [["--file", "-"], "{}"],
      [["--file", "-"], "[1]"],
      [["--file", "-", "x"], "[]"],
      [[], ""],
    ] as const) {
      assert.equal((await entry("delete", args, { stdin })).code, exitCodes.usage);
    }
  });

  it("update --file: what show printed, changed and given back, is the entry", async () => {
    const { id } = await create("/round-trip", "--hint", "one");
    const shown = await show(id);
    const stdin = JSON.stringify({ ...shown, hint: "two" });
    const { code, json: answer } = await entry("update", ["--file", "-", "--output", "json"], { stdin });
    assert.equal(code, exitCodes.ok, JSON.stringify(answer));
    assert.deepEqual(await show(id), { ...shown, hint: "two", revision_number: "1" });
  });

  it("update: refuses what leaves open which entry or what to change", async () => {
    for (const [args, stdin, expected] of [
      [["--hint", "x"], "", /which entry\?.*\(ERR_USAGE\)/],
      [["some-id"], "", /nothing to change/],
      [
        ["some-id", "--file", "-", "--no-admin", "--no-downstream"],
        "",
        /with an entry id, --no-admin, --no-downstream/,
      ],
      [
        ["--file", "-"],
        JSON.stringify([{ spiffe_id: "spiffe://example.org/a", parent_id: parent, selectors: ["a:b"] }]),
        /entry 1: has no id \(ERR_ENTRY_FILE\)/,
      ],
    ] as const) {
      const { code, err } = await entry("update", args, { stdin });
      assert.equal(code, exitCodes.usage, err);
      assert.match(err, expected);
    }
    const missing = await entry("update", ["nowhere", "--hint", "x"]);
    assert.equal(missing.code, exitCodes.refused);
    assert.match(missing.err, /^Error: nowhere not updated: .* \(ERR_ENTRY_NOT_FOUND\)\n/);
  });

  it("delete: says what became of each", async () => {
    const { id } = await create("/deleted");
    const { code, out, err } = await entry("delete", [id, "nowhere"]);
    assert.deepEqual([code, out], [exitCodes.refused, `deleted ${id}`]);
    assert.match(err, /^Error: nowhere not deleted: .* \(ERR_ENTRY_NOT_FOUND\)\n/);
    assert.equal((await entry("show", [id])).code, exitCodes.refused);
    const again = await entry("delete", [id, "--output", "json"]);
    assert.equal(again.code, exitCodes.refused);
    assert.deepEqual(JSON.parse(again.out).results[0].status.code, 5);
  });

  it("prints what others wrote without letting it drive the terminal", async () => {
    const { id } = await create("/hostile");
    await server.admin.unary(entryService.BatchUpdateEntry, {
      entries: [{ id, selectors: [{ type: "x", value: "\u001b[2Jgone\u202e" }] }],
      input_mask: { selectors: true },
    });
    const { out } = await entry("show", [id]);
    assert.match(out, /x:\\u001b\[2Jgone\\u202e/);
    assert.match((await entry("list", ["--spiffe-id", "spiffe://example.org/hostile"])).out, /\\u001b/);
  });
});
