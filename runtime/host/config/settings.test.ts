import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { z } from "zod";
import {
  ConfigError,
  durationMs,
  flag,
  integer,
  loadSettings,
  parseDurationMs,
  type SettingSources,
  setting,
  text,
} from "./index.ts";
import type { SettingsFile } from "./settings-file.ts";
import { readYaml } from "./yaml-source.ts";

const table = {
  name: setting(text(20), { doc: "Required." }),
  "listen.port": setting(integer(0, 65_535), { initial: 8081, doc: "Port." }),
  "listen.open": setting(flag, { initial: false, doc: "Switch." }),
  life: setting(durationMs({ minMs: 1000 }), { initial: "1h", doc: "Life." }),
  friends: setting(z.array(text(20)), { initial: [], doc: "List." }),
  note: setting(text(20).optional(), { doc: "Optional." }),
};

function load(sources: Partial<SettingSources>) {
  return loadSettings(table, { env: {}, envPrefix: "THING_", flags: {}, ...sources });
}

function problemsOf(sources: Partial<SettingSources>): readonly string[] {
  try {
    load(sources);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.code, "ERR_CONFIG_INVALID");
    return error.message.split("\n").slice(1);
  }
  return [];
}

function fileOf(path: string, text: string): SettingsFile {
  return { read: (known) => readYaml(path, text, known) };
}

describe("loadSettings()", () => {
  it("fills in the defaults", () => {
    const values = load({ file: fileOf("f.yaml", "name: a\n") });
    assert.deepEqual(values, {
      name: "a",
      "listen.port": 8081,
      "listen.open": false,
      life: 3_600_000,
      friends: [],
      note: undefined,
    });
  });

  it("lets the environment win over the file, and a flag over both", () => {
    const sources = {
      file: fileOf("f.yaml", "name: file\nlisten:\n  port: 1\nlife: 2s\n"),
      env: { THING_NAME: "env", THING_LISTEN_PORT: "2" },
      flags: { "listen.port": { flag: "--port", value: "3" } },
    };
    const values = load(sources);
    assert.deepEqual([values.name, values["listen.port"], values.life], ["env", 3, 2000]);
  });

  it("reads numbers, booleans and lists from text, and keeps a text that looks like a number", () => {
    const values = load({ env: { THING_NAME: "007", THING_LISTEN_OPEN: "true", THING_FRIENDS: "a, b" } });
    assert.deepEqual([values.name, values["listen.open"], values.friends], ["007", true, ["a", "b"]]);
  });

  it("reports every problem of every source at once, with positions", () => {
    const problems = problemsOf({
      file: fileOf("f.yaml", "nmae: a\nlisten:\n  port: 70000\n  opne: true\nlife: soon\n"),
      env: { THING_LIVE: "1h" },
      flags: { friends: { flag: "--friends", value: "" } },
    });
    assert.deepEqual(problems, [
      "  f.yaml:1:1: nmae: unknown setting, did you mean name?",
      "  f.yaml:4:3: listen.opne: unknown setting, did you mean listen.open?",
      "  $THING_LIVE: unknown setting, did you mean THING_LIFE?",
      "  name: is required",
      "  f.yaml:3:3: listen.port: must be a whole number from 0 to 65535",
      "  f.yaml:5:1: life: must be a duration such as 30s or 1h30m",
      "  --friends: friends: 0: must not be empty",
    ]);
  });

  it("names the place of a syntax error and of a duplicate key", () => {
    assert.match(problemsOf({ file: fileOf("f.yaml", "name: [a\n") })[0] ?? "", /^ {2}f\.yaml:2:1: /);
    assert.match(problemsOf({ file: fileOf("f.yaml", "name: a\nname: b\n") })[0] ?? "", /^ {2}f\.yaml:2:1: .*unique/i);
  });

  it("refuses a file that is a list, and one that is larger than a mebibyte", () => {
    assert.match(problemsOf({ file: fileOf("f", "- a\n") })[0] ?? "", /must be a mapping/);
    assert.match(problemsOf({ file: fileOf("f", "#".repeat((1 << 20) + 1)) })[0] ?? "", /larger than 1 MiB/);
  });

  it("does not take Kubernetes service variables for settings", () => {
    const env = {
      THING_NAME: "a",
      THING_SERVICE_HOST: "10.0.0.1",
      THING_PORT: "tcp://10.0.0.1:8081",
      THING_PORT_8081_TCP_ADDR: "10.0.0.1",
    };
    assert.equal(load({ env }).name, "a");
  });

  it("does not expand an alias bomb", () => {
    const levels = Array.from(
      { length: 12 },
      (_, index) => `  - &l${index} [${"*l".concat(String(index - 1), ", ").repeat(10)}1]`,
    );
    levels[0] = "  - &l0 [1]";
    assert.notDeepEqual(problemsOf({ file: fileOf("f", `name: a\nfriends:\n${levels.join("\n")}\n`) }), []);
  });
});

describe("parseDurationMs()", () => {
  it("adds the parts", () => {
    assert.equal(parseDurationMs("1h30m"), 5_400_000);
    assert.equal(parseDurationMs("250ms"), 250);
    assert.equal(parseDurationMs("7d"), 604_800_000);
  });

  it("refuses what has no unit, a sign, or nothing", () => {
    for (const text of ["", "5", "-5s", "5 s", "s", "1h30", "1e3s"])
      assert.equal(parseDurationMs(text), undefined, text);
  });
});
