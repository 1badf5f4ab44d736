import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { cli } from "../test/fakes/cli.ts";
import { collect, parseCount, parseLife, wantsJson } from "./options.ts";
import { life } from "./output.ts";

const longest = 0x7fff_ffff;

describe("parseLife()", () => {
  it("reads what life() prints", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: longest }), (seconds) => {
        assert.equal(parseLife(life(seconds)), seconds);
        assert.equal(parseLife(String(seconds)), seconds);
      }),
    );
  });

  it("adds its units up", () => {
    const part = fc.integer({ min: 0, max: 5000 });
    fc.assert(
      fc.property(part, part, part, part, (d, h, m, s) => {
        assert.equal(parseLife(`${d}d${h}h${m}m${s}s`), d * 86_400 + h * 3600 + m * 60 + s);
      }),
    );
    for (const [text, seconds] of Object.entries({
      "90s": 90,
      "15m": 900,
      "1h30m": 5400,
      "1d": 86_400,
      "0": 0,
      "1.5h": 5400,
      "1.1h": 3960,
      "500ms": 1,
      "1h0m0.25s": 3601,
    }))
      assert.equal(parseLife(text), seconds);
  });

  it("gives a number of seconds that the wire can hold, or refuses, whatever it is given", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9dhms. -]{0,14}$/)), (text) => {
        try {
          const seconds = parseLife(text);
          assert.ok(Number.isInteger(seconds) && seconds >= 0 && seconds <= longest);
          assert.match(text, /^[\ddhms.]+$/);
        } catch (error) {
          assert.equal(error instanceof Error && "code" in error && error.code, "commander.invalidArgument");
        }
      }),
    );
    for (const text of ["", "1.5", "1.h", "1m500", "-1", "1h30", "30m1h", "h", "1w", "2147483648", "30000d", "1 h"])
      assert.throws(() => parseLife(text), { code: "commander.invalidArgument" }, text);
  });
});

describe("options", () => {
  it("collect() takes an empty value for an empty list", () => {
    assert.deepEqual(collect(""), []);
    assert.deepEqual(collect("b", collect("a")), ["a", "b"]);
  });

  it("parseCount() takes whole numbers only", () => {
    assert.equal(parseCount("12"), 12);
    for (const text of ["", "-1", "1.5", "1e3", "many"])
      assert.throws(() => parseCount(text), { code: "commander.invalidArgument" });
  });

  it("wantsJson() sees both ways to write it", () => {
    assert.equal(wantsJson(["agent", "list", "--output", "json"]), true);
    assert.equal(wantsJson(["--output=json"]), true);
    assert.equal(wantsJson(["entry", "show", "json"]), false);
    assert.equal(wantsJson(["--output", "pretty"]), false);
  });

  it("--socket comes from the variables in their order, then from the user", async () => {
    const shown = async (command: string, environment: Record<string, string>, uid = 0): Promise<string> => {
      const { err } = await cli([...command.split(" "), "--output", "json"], { environment, uid });
      return JSON.parse(err).error;
    };
    const server = "token generate";
    const all = { COUNTERSIGN_SERVER_SOCKET: "/nowhere/ours", SPIRE_SERVER_PRIVATE_SOCKET: "/nowhere/spires" };
    assert.match(await shown(server, all), /\/nowhere\/ours/);
    assert.match(await shown(server, { SPIRE_SERVER_PRIVATE_SOCKET: "/nowhere/spires" }), /\/nowhere\/spires/);
    assert.match(
      await shown(server, { XDG_RUNTIME_DIR: "/nowhere/run" }, 7),
      /\/nowhere\/run\/countersign\/server\/pri/,
    );
    const agent = "agent healthcheck";
    const both = { COUNTERSIGN_AGENT_SOCKET: "/nowhere/ours", SPIFFE_ENDPOINT_SOCKET: "unix:///nowhere/endpoint" };
    assert.match(await shown(agent, both), /agent at \/nowhere\/ours/);
    assert.match(await shown(agent, { SPIFFE_ENDPOINT_SOCKET: "unix:///nowhere/endpoint" }), /at \/nowhere\/endpoint/);
    assert.match(await shown(agent, { XDG_RUNTIME_DIR: "/nowhere/run" }, 7), /\/nowhere\/run\/countersign\/agent\/pub/);
  });
});
