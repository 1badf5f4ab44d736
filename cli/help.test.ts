import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { cli } from "../test/fakes/cli.ts";
import { exitCodes } from "./exit-codes.ts";
import { callable, createProgram } from "./run-cli.ts";

const program = createProgram(
  { terminal: { out() {}, err() {}, colors: false }, environment: {}, uid: 0, readStdin: async () => "" },
  () => {},
);
const commands = callable(program).map((command) => {
  const names: string[] = [];
  for (let at: typeof command | null = command; at?.parent != null; at = at.parent) names.unshift(at.name());
  return { command, name: names.join(" ") };
});

/** The commands in the first column of the table of docs/cli.md; a word alone belongs to the group before it. */
function documented(): readonly string[] {
  const page = readFileSync(new URL("../docs/cli.md", import.meta.url), "utf8");
  return page.split("\n").flatMap((line) => {
    const column = /^\| (`[^|]+) \|/.exec(line)?.[1];
    if (column === undefined) return [];
    let group = "";
    return [...column.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => {
      const name = text.includes(" ") || group === "" ? text : `${group} ${text}`;
      group = name.split(" ").slice(0, -1).join(" ");
      return name;
    });
  });
}

/** The commands that `countersign --help` lists. */
function listed(help: string): readonly string[] {
  const [, section = ""] = /^Commands:\n((?: {2}.*\n)+)/m.exec(help) ?? [];
  return section
    .split("\n")
    .filter((line) => /^ {2}\S/.test(line))
    .map((line) =>
      line
        .trim()
        .replace(/ {2,}.*$/, "")
        .replace(/ [<[].*$/, ""),
    );
}

describe("countersign --help", () => {
  it("lists every command that docs/cli.md has, and no other", async () => {
    const { code, out } = await cli(["--help"]);
    assert.equal(code, exitCodes.ok);
    assert.deepEqual(listed(out).toSorted(), documented().toSorted());
    assert.deepEqual(listed(out).toSorted(), commands.map(({ name }) => name).toSorted());
    assert.ok(commands.length >= 20);
  });

  it("documents the exit codes", async () => {
    assert.match((await cli(["--help"])).out, /Exit codes: 0 .*1 .*2 .*3 .*4 /);
  });

  for (const { name } of commands) {
    it(`${name}: explains itself with examples that parse, --socket and --output`, async () => {
      const { code, out, err } = await cli([...name.split(" "), "--help"]);
      assert.equal(code, exitCodes.ok);
      assert.equal(err, "");
      const examples =
        out
          .split(/^Examples?:$/m)[1]
          ?.trim()
          .split("\n") ?? [];
      assert.ok(examples.length > 0, "no example");
      for (const example of examples) {
        assert.ok(example.trim().startsWith(`countersign ${name}`), example);
        const flags = example.match(/--[a-z0-9-]+/g) ?? [];
        for (const flag of flags) assert.ok(out.includes(`${flag} `), `${flag} is not a flag of ${name}`);
      }
      if (name === "completion") return;
      assert.match(out, /--output <format>/);
      if (!name.startsWith("migrate ") && name !== "dev") assert.match(out, /--socket <path>/);
    });
  }

  it("has every flag that scripts rely on", () => {
    const expected: Readonly<Record<string, readonly string[]>> = {
      "server run": ["--config", "--trust-domain", "--data-dir", "--bind", "--socket"],
      "agent run": [
        ...["--config", "--trust-domain", "--server", "--data-dir", "--socket", "--join-token", "--join-token-file"],
        ...["--bundle", "--insecure-bootstrap"],
      ],
      "entry create": [
        ...["--parent-id", "--spiffe-id", "--selector", "--x509-ttl", "--jwt-ttl", "--dns", "--hint", "--wait"],
      ],
    };
    for (const [name, flags] of Object.entries(expected)) {
      const options = commands.find((one) => one.name === name)?.command.options.map(({ long }) => long);
      for (const flag of flags) assert.ok(options?.includes(flag), `${name} ${flag}`);
    }
  });

  it("of a group lists its commands, and is an error without one", async () => {
    const asked = await cli(["entry", "--help"]);
    assert.equal(asked.code, exitCodes.ok);
    assert.match(asked.out, /entry create/);
    const bare = await cli(["entry"]);
    assert.equal(bare.code, exitCodes.usage);
    assert.match(bare.err, /entry create/);
    assert.equal((await cli([])).code, exitCodes.usage);
    assert.match((await cli(["help", "token"])).out, /token generate/);
    const deep = await cli(["help", "entry", "create"]);
    assert.deepEqual([deep.code, deep.out], [exitCodes.ok, (await cli(["entry", "create", "--help"])).out]);
  });

  it("prints the version", async () => {
    const { code, out } = await cli(["--version"]);
    assert.equal(code, exitCodes.ok);
    assert.match(out, /^countersign \d+\.\d+\.\d+$/);
  });
});

describe("a wrong command line", () => {
  const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["a command that does not exist", ["entry", "creat"], /unknown command 'creat'.*\n.*Did you mean create\?/],
    ["a group that does not exist", ["entri"], /unknown command 'entri'.*\n.*Did you mean entry\?/],
    [
      "a flag that does not exist",
      ["agent", "list", "--baned"],
      /unknown option '--baned'.*\n.*Did you mean --banned\?/,
    ],
    ["--server where there is none", ["debug", "info", "--server", "x:1"], /'--server'.*\n.*run it on the host/],
    ["a missing argument", ["agent", "show"], /missing required argument 'spiffe-id'/],
    ["one argument too many", ["agent", "count", "x"], /too many arguments/],
    ["a missing value", ["token", "generate", "--ttl"], /argument missing/],
    ["a life that is none", ["token", "generate", "--ttl", "soon"], /--ttl.*soon.*1h30m/],
    ["a choice that is none", ["bundle", "show", "--format", "der"], /Allowed choices are pem, spiffe/],
    ["an output that is none", ["agent", "list", "--output", "xml"], /Allowed choices are pretty, json/],
    ["a match that is none", ["entry", "list", "--match-selectors-on", "all"], /exact, subset, superset, any/],
    ["an audience that is missing", ["api", "fetch", "jwt"], /--audience.*not specified/],
    ["a count that is none", ["api", "watch", "--count", "many"], /--count.*whole number/],
    ["a bad SPIFFE ID", ["entry", "list", "--spiffe-id", "web"], /--spiffe-id: /],
    ["a bad selector", ["entry", "count", "--selector", "uid"], /--selector: /],
    ["a bad agent ID", ["agent", "show", "web-1"], /the agent's ID: /],
    ["a bad agent ID to ban", ["agent", "ban", "web-1"], /the agent's ID: /],
    ["an endpoint that is no Unix socket", ["agent", "healthcheck", "--socket", "tcp://127.0.0.1:1"], /not a Unix/],
    ["an endpoint that is none", ["agent", "healthcheck", "--socket", "unix:x?y"], /--socket: /],
    ["an endpoint that is none, for the API", ["api", "fetch", "x509", "--socket", "http://x"], /--socket: /],
  ];
  for (const [what, args, expected] of cases) {
    it(`is told and answered with 2: ${what}`, async () => {
      const { code, out, err } = await cli(args);
      assert.equal(code, exitCodes.usage, err);
      assert.equal(out, "");
      assert.match(err, expected);
      assert.match(err, /^Error: .*\(ERR_USAGE\)\n +.*--help/);
      if (args.includes("xml")) return;
      const asJson = await cli([...args, "--output=json"]);
      assert.equal(asJson.code, exitCodes.usage);
      const failure = JSON.parse(asJson.err);
      assert.deepEqual(Object.keys(failure), ["error", "code", "hint"]);
      assert.equal(failure.code, "ERR_USAGE");
    });
  }
});
