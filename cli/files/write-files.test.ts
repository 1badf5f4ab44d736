import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import { cli } from "../../test/fakes/cli.ts";
import { FakeWorkloadApi } from "../../test/fakes/fake-workload-api.ts";
import { TestAuthority } from "../../test/fakes/test-authority.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { exitCodes } from "../exit-codes.ts";

const folder = mkdtempSync(join(tmpdir(), "files-once-"));
after(() => rmSync(folder, { recursive: true }));

describe("countersign agent write-files --once", () => {
  it("writes everything that spiffe-helper's configuration names, and ends", async () => {
    const ca = await TestCa.create("one.test");
    await using api = await FakeWorkloadApi.start();
    api.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
    api.updateBundles([ca.bundle]);
    const lifetime = { notBeforeMs: 0, notAfterMs: Date.now() + 3_600_000 };
    const authority = new TestAuthority(TrustDomain.parse("one.test"), lifetime);
    const id = SpiffeId.parse("spiffe://one.test/web");
    api.mint = (audience) => {
      const now = Math.floor(Date.now() / 1000);
      return [{ id, token: authority.jwtSvid(id, audience, now, now + 60), hint: "", audience, claims: {} }];
    };
    const dir = join(folder, "helper");
    const config = join(folder, "helper.conf");
    const names =
      'svid_file_name = "svid.pem"\nsvid_key_file_name = "svid_key.pem"\nsvid_bundle_file_name = "svid_bundle.pem"';
    const jwt =
      'jwt_svids = [{jwt_audience="db", jwt_extra_audiences=["cache"], jwt_svid_file_name="db.token"}]\njwt_bundle_file_name = "jwt.json"';
    writeFileSync(
      config,
      `agent_address = "${api.endpoint.slice("unix://".length)}"\ncert_dir = "${dir}"\n${names}\n${jwt}\ndaemon_mode = false\n`,
    );
    const { code, json, err } = await cli(["agent", "write-files", "--config", config, "--output", "json"]);
    assert.deepEqual([code, err], [exitCodes.ok, ""]);
    const files = ["db.token", "jwt.json", "svid.pem", "svid_bundle.pem", "svid_key.pem"];
    assert.deepEqual(readdirSync(dir).toSorted(), files);
    assert.deepEqual(json, {
      folder: dir,
      files: ["svid_bundle.pem", "svid_key.pem", "svid.pem", "jwt.json", "db.token"],
    });
    const [, claims = ""] = readFileSync(join(dir, "db.token"), "utf8").split(".");
    assert.deepEqual(JSON.parse(Buffer.from(claims, "base64url").toString()).aud, ["cache", "db"]);
    assert.equal(statSync(join(dir, "db.token")).mode & 0o777, 0o600);
  });

  it("ends with exit code 4, the reason and what to do when nothing comes in time, and writes nothing", async () => {
    await using api = await FakeWorkloadApi.start();
    const dir = join(folder, "denied");
    const args = ["agent", "write-files", "--dir", dir, "--socket", api.endpoint, "--once", "--timeout", "300ms"];
    const { code, out, err } = await cli(args);
    assert.equal(code, exitCodes.timedOut);
    assert.equal(out, "");
    assert.match(
      err,
      /Error: no X509-SVID came within 0\.3 s: no identity issued \(ERR_FAKE_DENIED\)\n +create an entry/,
    );
    assert.deepEqual(readdirSync(dir), []);
    await api.disappear();
    const away = await cli(args);
    assert.equal(away.code, exitCodes.timedOut);
    assert.match(away.err, /cannot connect to .*\(ERR_WORKLOAD_API_UNAVAILABLE\)\n +check that the agent runs/);
  });

  it("names every problem of its settings, with lines, and ends with exit code 2", async () => {
    const config = join(folder, "wrong.conf");
    writeFileSync(config, 'cert_dir = "x"\nsvid_fil_name = "a"\n');
    const { code, err } = await cli(["agent", "write-files", "--config", config]);
    assert.equal(code, exitCodes.usage);
    assert.match(err, /wrong\.conf:2: svid_fil_name: unknown setting, did you mean svid_file_name\?/);
    assert.doesNotMatch(err, /migrate config/);
  });

  it("says what the file system said when files cannot be written", async () => {
    const ca = await TestCa.create("one.test");
    await using api = await FakeWorkloadApi.start();
    api.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
    const file = join(folder, "a-file");
    writeFileSync(file, "");
    const { code, err } = await cli(["agent", "write-files", "--dir", file, "--socket", api.endpoint, "--once"]);
    assert.equal(code, exitCodes.refused);
    assert.match(err, /ENOTDIR.*\(ERR_CERT_DIR\)/);
  });
});
