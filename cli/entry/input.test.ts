import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import { boundedText } from "../bounded-text.ts";
import { exitCodes } from "../exit-codes.ts";
import { readEntries } from "./input.ts";

const folder = mkdtempSync(join(tmpdir(), "cs-entries-"));
after(() => rmSync(folder, { recursive: true }));

function read(text: string): Promise<readonly Entry[]> {
  return readEntries("-", {
    terminal: { out() {}, err() {}, colors: false },
    environment: {},
    uid: 0,
    readStdin: async () => text,
  });
}

async function problems(text: string): Promise<string> {
  try {
    await read(text);
  } catch (error) {
    assert.ok(error instanceof Error && "code" in error && "exitCode" in error);
    assert.deepEqual([error.code, error.exitCode], ["ERR_ENTRY_FILE", exitCodes.usage]);
    return error.message;
  }
  throw new assert.AssertionError({ message: `accepted: ${text}` });
}

const web = "spiffe_id: spiffe://example.org/web\nparent_id: spiffe://example.org/host\nselectors: [unix:uid:1000]\n";
const wire = {
  id: "",
  spiffe_id: { trust_domain: "example.org", path: "/web" },
  parent_id: { trust_domain: "example.org", path: "/host" },
  selectors: [{ type: "unix", value: "uid:1000" }],
  x509_svid_ttl: 0,
  jwt_svid_ttl: 0,
  federates_with: [],
  admin: false,
  downstream: false,
  expires_at: "0",
  dns_names: [],
  store_svid: false,
  hint: "",
  additional_attributes: null,
};

describe("readEntries()", () => {
  it("reads one entry, a list, and a list under entries", async () => {
    const item = `- ${web.trimEnd().replaceAll("\n", "\n  ")}\n`;
    assert.deepEqual(await read(web), [wire]);
    assert.deepEqual(await read(item + item), [wire, wire]);
    assert.deepEqual(await read(`entries:\n${item}`), [wire]);
  });

  it("reads the example of docs/cli.md", async () => {
    const page = fileURLToPath(new URL("../../docs/cli.md", import.meta.url));
    const { readFileSync } = await import("node:fs");
    const example = /```yaml\n(entries:[^`]+)```/.exec(readFileSync(page, "utf8"))?.[1] ?? "";
    assert.equal((await read(example)).length, 2);
  });

  it("reads JSON as SPIRE's entry files have it, and as our own commands print it", async () => {
    const [entry] = await read(
      JSON.stringify({
        entries: [
          {
            entry_id: "e1",
            spiffe_id: "spiffe://example.org/web",
            parent_id: "spiffe://example.org/host",
            selectors: [{ type: "unix", value: "uid:1000" }],
            entry_expiry: 4_000_000_000,
          },
        ],
        next_page_token: "",
      }),
    );
    assert.deepEqual(entry, { ...wire, id: "e1", expires_at: "4000000000" });
    const { id: _id, expires_at: _end, ...rest } = wire;
    assert.deepEqual(await read(JSON.stringify({ ...rest, entryExpiry: 4_000_000_000 })), [{ ...entry, id: "" }]);
    const printed = { ...wire, id: "e2", revision_number: "3", created_at: "1764063000" };
    assert.deepEqual(await read(JSON.stringify(printed)), [{ ...wire, id: "e2" }]);
    const attributes = { disable_x509_svid_prefetch: true };
    const [held] = await read(JSON.stringify({ ...printed, additional_attributes: attributes }));
    assert.deepEqual(held?.additional_attributes, { disable_x509_svid_prefetch: true, jwt_svid_include_jti: false });
  });

  it("reads a file by its path, and says what is wrong with the path", async () => {
    const path = join(folder, "entries.yaml");
    writeFileSync(path, web);
    const context = {
      terminal: { out() {}, err() {}, colors: false },
      environment: {},
      uid: 0,
      readStdin: async () => "",
    };
    assert.deepEqual(await readEntries(path, context), [wire]);
    await assert.rejects(readEntries(join(folder, "none"), context), {
      code: "ERR_ENTRY_FILE",
      message: /none: ENOENT/,
    });
  });

  it("reads no more than 16 MiB, of a file without an end too", async () => {
    const context = {
      terminal: { out() {}, err() {}, colors: false },
      environment: {},
      uid: 0,
      readStdin: async () => "",
    };
    await assert.rejects(readEntries("/dev/zero", context), {
      code: "ERR_INPUT_TOO_LARGE",
      exitCode: exitCodes.usage,
      message: "/dev/zero: it is larger than 16777216 bytes",
    });
    async function* chunks(count: number) {
      for (let index = 0; index < count; index += 1) yield Buffer.from("ab");
    }
    assert.equal(await boundedText(chunks(2), 4), "abab");
    await assert.rejects(boundedText(chunks(3), 4), { code: "ERR_INPUT_TOO_LARGE" });
  });

  it("names all problems of all entries at once", async () => {
    const text = await problems(
      [
        "- spiffe_id: web",
        "  parent_id: {trust_domain: example.org}",
        "  selectors: [uid, unix:uid:1]",
        "  x509_svid_ttl: -1",
        "  colour: red",
        "- selectors: []",
        "  spiffe_id: 7",
        "  parent_id: spiffe://example.org/host",
        "  x509_svid_ttl: 3000000000",
        "  expires_at: tomorrow",
        "- 7",
      ].join("\n"),
    );
    for (const expected of [
      /line 1: entry 1: spiffe_id: \S/,
      /line 2: entry 1: parent_id\.path: /,
      /entry 1: selectors\.1: /,
      /entry 1: x509_svid_ttl: /,
      /line 5: entry 1: .*colour/,
      /entry 2: selectors: there must be at least one/,
      /line 7: entry 2: spiffe_id: .*string/,
      /entry 2: x509_svid_ttl: /,
      /entry 2: expires_at: must be a whole number/,
      /entry 3: .*object/,
    ]) {
      assert.match(text, expected);
    }
    assert.match(text, /^standard input: \d+ problems\n/);
  });

  it("names what is unknown beside the entries", async () => {
    assert.match(await problems(`entries: []\nentires: []\n`), /entires/);
    assert.match(await problems(`entries: 7\n`), /entries: .*array/);
  });

  it("says so when there are more problems than anybody reads", async () => {
    const text = await problems(JSON.stringify(Array.from({ length: 80 }, () => 1)));
    assert.equal(text.split("\n").length, 52);
    assert.match(text, /and 30 more$/);
  });

  it("refuses what is no YAML, with the place; hostile YAML; nothing", async () => {
    assert.match(await problems("a: [1\nb: 2"), /line \d/);
    assert.match(await problems("a: 1\n---\nb: 2"), /line 2: a second document starts/);
    const bomb = [
      `a0: &a0 [x]`,
      ...Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n},`.repeat(9)}]`),
    ];
    assert.match(await problems(bomb.join("\n")), /alias/);
    assert.match(await problems(""), /holds no entry/);
    assert.match(await problems("[]"), /holds no entry/);
  });
});
