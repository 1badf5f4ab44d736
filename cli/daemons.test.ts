import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { cli } from "../test/fakes/cli.ts";
import { exitCodes } from "./exit-codes.ts";

const folder = mkdtempSync(join(tmpdir(), "cs-daemons-"));
after(() => rmSync(folder, { recursive: true }));
const server = ["--trust-domain", "a.test", "--data-dir", folder];
const agent = [...server, "--server", "127.0.0.1:8081", "--join-token", "t", "--insecure-bootstrap"];

describe("server validate, agent validate", () => {
  it("say that settings are valid, without starting", async () => {
    for (const [noun, flags] of [
      ["server", server],
      ["agent", agent],
    ] as const) {
      const { code, out, err } = await cli([noun, "validate", ...flags]);
      assert.deepEqual([code, out, err], [exitCodes.ok, `the ${noun}'s settings are valid`, ""]);
      const asJson = await cli([noun, "validate", ...flags, "--output", "json"]);
      assert.deepEqual(asJson.json, { valid: true, warnings: [] });
    }
  });

  it("warn of what is legal but not wise", async () => {
    const environment = { COUNTERSIGN_SERVER_CA_TTL: "1h" };
    const { code, out, err } = await cli(["server", "validate", ...server], { environment });
    assert.deepEqual([code, out], [exitCodes.ok, "the server's settings are valid"]);
    assert.match(err, /^Warning: default_x509_svid_ttl .*\nWarning: agent_ttl /);
    const asJson = await cli(["server", "validate", ...server, "--output", "json"], { environment });
    assert.match(asJson.out, /^\{"valid":true,"warnings":\["default_x509_svid_ttl .*\]\}$/);
    assert.equal(asJson.err, "");
  });

  it("name every problem, on a line each, and end with 2; so does run", async () => {
    const config = join(folder, "bad.yaml");
    writeFileSync(config, "trust_domain: UPPER\nno_such_setting: 1\nlog_level: loud\n");
    for (const noun of ["server", "agent"]) {
      for (const verb of ["validate", "run"]) {
        const { code, out, err } = await cli([noun, verb, "--config", config]);
        assert.deepEqual([code, out], [exitCodes.usage, ""]);
        assert.match(err, /^Error: \d problems in the settings \(ERR_CONFIG\)\n/);
        for (const problem of [/^ {2}.*bad\.yaml:1.*trust_domain/m, /bad\.yaml:2.*no_such_setting/, /bad\.yaml:3/])
          assert.match(err, problem);
        assert.match(err, /data_dir/);
        const asJson = await cli([noun, verb, "--config", config, "--output=json"]);
        assert.equal(asJson.code, exitCodes.usage);
        assert.equal(JSON.parse(asJson.err).code, "ERR_CONFIG");
      }
    }
    const one = await cli(["server", "validate", "--trust-domain", "a.test"]);
    assert.match(one.err, /^Error: 1 problem in the settings/);
  });
});
