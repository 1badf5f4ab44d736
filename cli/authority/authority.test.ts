import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parsePemCertificates } from "../../certs/index.ts";
import { localAuthorityService as service } from "../../proto/services.ts";
import { systemClock } from "../../runtime/core/index.ts";
import { verifyX509Svid } from "../../spiffe/index.ts";
import { type CliResult, cli } from "../../test/fakes/cli.ts";
import { TestServer } from "../../test/fakes/test-server.ts";
import { listenUnix, RpcRouter } from "../../transport/index.ts";
import { exitCodes } from "../exit-codes.ts";

interface State {
  readonly authority_id: string;
  readonly expires_at: string;
}

describe("the authorities on the command line", () => {
  let server: TestServer;
  const folder = mkdtempSync(join(tmpdir(), "cs-mint-"));
  before(async () => {
    server = await TestServer.start();
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await server[Symbol.asyncDispose]();
  });

  const run = (...args: readonly string[]): Promise<CliResult> => cli([...args, "--socket", server.config.socketPath]);

  async function json(...args: readonly string[]): Promise<Readonly<Record<string, State>>> {
    return JSON.parse((await run(...args, "-output", "json")).out);
  }

  for (const kind of ["x509", "jwt"] as const) {
    it(`localauthority ${kind}: from show to revoke, in SPIRE's JSON`, async () => {
      const local = (verb: string, ...args: readonly string[]) => json("localauthority", kind, verb, ...args);
      const { active, ...others } = await local("show");
      const old = active?.authority_id ?? "";
      assert.deepEqual(others, {});
      const { prepared_authority: prepared } = await local("prepare");
      const id = prepared?.authority_id ?? "";
      assert.match((await run("localauthority", kind, "show")).out, new RegExp(`Prepared:\n +Authority ID : ${id}`));
      assert.deepEqual(await local("activate", "-authorityID", id), { activated_authority: prepared });
      assert.equal((await local("show"))["old"]?.authority_id, old);
      const early = await run("localauthority", kind, "revoke", "--authority-id", old);
      assert.deepEqual([early.code, /ERR_AUTHORITY_TRANSITION/.test(early.err)], [exitCodes.refused, true]);
      assert.match((await run("localauthority", kind, "show")).out, /^Old:$/m);
      assert.equal((await local("taint", "-authorityID", old))["tainted_authority"]?.authority_id, old);
      const shown = (await run("localauthority", kind, "show")).out;
      assert.match(shown, new RegExp(`^Old, tainted:\\n +Authority ID : ${old}`, "m"));
      const revoked = await local("revoke", "-authorityID", old, ...(kind === "jwt" ? ["--force"] : []));
      assert.deepEqual(Object.keys(revoked), ["revoked_authority"]);
      assert.equal(revoked["revoked_authority"]?.authority_id, old);
    });
  }

  it("revoke: refuses at once without a wait, and says what is in the way and until when", async () => {
    const { active } = await json("localauthority", "jwt", "show");
    const { prepared_authority: prepared } = await json("localauthority", "jwt", "prepare");
    const old = active?.authority_id ?? "";
    await json("localauthority", "jwt", "activate", "--authority-id", prepared?.authority_id ?? "");
    await json("localauthority", "jwt", "taint", "--authority-id", old);
    const refused = await run("localauthority", "jwt", "revoke", "--authority-id", old, "--timeout", "0");
    assert.equal(refused.code, exitCodes.refused);
    assert.match(refused.err, /nobody can call tokens back \(until \d{4}-.* at the latest\)/);
    assert.match((await run("localauthority", "jwt", "revoke", "--authority-id", old, "--force")).out, /Cut off:\n/);
  });

  it("revoke: at a SPIRE server, which cannot say what rests on an authority, at once", async () => {
    const router = new RpcRouter();
    const asked: string[] = [];
    const revoked = (id: string) => {
      asked.push(id);
      return { authority_id: id, expires_at: "0", upstream_authority_subject_key_id: "" };
    };
    router.unary(service.RevokeX509Authority, async ({ authority_id: id }) => ({ revoked_authority: revoked(id) }));
    router.unary(service.RevokeJWTAuthority, async ({ authority_id: id }) => ({ revoked_authority: revoked(id) }));
    router.unary(service.RevokeX509UpstreamAuthority, async ({ subject_key_id: id }) => ({
      upstream_authority_subject_key_id: revoked(id).authority_id,
    }));
    const path = join(folder, "spire.sock");
    const listener = await listenUnix({ path, mode: 0o700, directoryMode: 0o700, router, clock: systemClock });
    try {
      for (const args of [
        ["localauthority", "x509", "revoke", "-authorityID", "x"],
        ["localauthority", "jwt", "revoke", "-authorityID", "j"],
        ["upstreamauthority", "revoke", "-subjectKeyID", "u"],
      ]) {
        const { code, out, err } = await cli([...args, "-socketPath", path]);
        assert.deepEqual([code, err], [exitCodes.ok, ""]);
        assert.match(out, /Not known:\n {2}what still rested on it/);
      }
      assert.deepEqual(asked, ["x", "j", "u"]);
    } finally {
      await listener.close({ graceMs: 0 });
    }
  });

  it("upstreamauthority: says that there is none", async () => {
    for (const verb of ["taint", "revoke"]) {
      const { code, err } = await run("upstreamauthority", verb, "-subjectKeyID", "aa");
      assert.deepEqual([code, /ERR_UPSTREAM_AUTHORITY/.test(err)], [exitCodes.refused, true], err);
    }
  });

  it("asks for the id where one is needed", async () => {
    for (const verb of ["activate", "taint", "revoke"]) {
      assert.equal((await run("localauthority", "x509", verb)).code, exitCodes.usage);
    }
  });

  it("x509 mint: files of the right modes, that verify", async () => {
    const args = ["-spiffeID", "spiffe://example.org/db", "-dns", "db.example.org", "-ttl", "10m"];
    const { code, out, err } = await run("x509", "mint", ...args, "-write", folder);
    assert.equal(code, exitCodes.ok, err);
    assert.match(out, /svid\.pem\n.*key\.pem\n.*bundle\.pem$/);
    const mode = (name: string): number => statSync(join(folder, name)).mode & 0o777;
    assert.deepEqual([mode("svid.pem"), mode("key.pem"), mode("bundle.pem")], [0o644, 0o600, 0o644]);
    const chain = parsePemCertificates(readFileSync(join(folder, "svid.pem"), "utf8"));
    const bundles = { get: () => server.server.core.authorities.bundle };
    const { id } = verifyX509Svid({ chain, bundles, atMs: Date.now(), usage: "server" });
    assert.equal(id.path, "/db");
    assert.deepEqual(chain[0]?.dnsSans, ["db.example.org"]);
    const printed = await json("x509", "mint", ...args);
    assert.deepEqual(Object.keys(printed), ["x509_svid", "private_key", "root_cas"]);
    assert.match((await run("x509", "mint", ...args)).out, /BEGIN CERTIFICATE[\s\S]*BEGIN PRIVATE KEY/);
    const refused = await run("x509", "mint", "--spiffe-id", "spiffe://example.org/spire/server");
    assert.deepEqual([refused.code, /ERR_MINT_REFUSED/.test(refused.err)], [exitCodes.refused, true]);
    const long = await run("x509", "mint", "--spiffe-id", "spiffe://example.org/db", "--ttl", "999d");
    assert.match(long.err, /shorter life than asked for/);
  });

  it("jwt mint: a token, or a file only for the owner", async () => {
    const args = ["jwt", "mint", "-spiffeID", "spiffe://example.org/db", "-audience", "a"];
    assert.match((await run(...args)).out, /^ey[\w-]+\.[\w-]+\.[\w-]+$/);
    const target = join(folder, "token");
    assert.equal((await run(...args, "-write", target)).code, exitCodes.ok);
    assert.equal(statSync(target).mode & 0o777, 0o600);
    assert.deepEqual(Object.keys(await json(...args)), ["svid"]);
    assert.equal((await run("jwt", "mint", "--spiffe-id", "spiffe://example.org/db")).code, exitCodes.usage);
  });
});
