// needs: time; budget: 180; waits
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { exitCodes } from "../../../cli/exit-codes.ts";
import { bundleService, localAuthorityService, revocationService } from "../../../proto/services.ts";
import { SpiffeId, TrustDomain } from "../../../spiffe/index.ts";
import { cli } from "../../fakes/cli.ts";
import { TestAuthority } from "../../fakes/test-authority.ts";
import { TestServer } from "../../fakes/test-server.ts";

const lifetime = { notBeforeMs: Date.now() - 1_000, notAfterMs: Date.now() + 86_400_000 };

describe("migrate trust", () => {
  const folder = mkdtempSync(join(tmpdir(), "cs-mirror-"));
  let state = "";
  let theirs: TestServer;
  let ours: TestServer;
  let runs = 0;
  before(() => {
    state = join(folder, "state.json");
  });
  beforeEach(async () => {
    state = join(folder, `state-${++runs}.json`);
    [theirs, ours] = await Promise.all([TestServer.start(), TestServer.start()]);
  });
  afterEach(async () => {
    await Promise.all([theirs[Symbol.asyncDispose](), ours[Symbol.asyncDispose]()]);
  });
  after(() => rmSync(folder, { recursive: true }));

  const run = (mode: string, ...args: readonly string[]) =>
    cli([
      ...["migrate", "trust", "--from", theirs.config.socketPath, "--to", ours.config.socketPath],
      ...["--state", state, mode, ...args],
    ]);
  const bundleOf = (server: TestServer) => server.admin.unary(bundleService.GetBundle, {});
  /** Keys in both bundles, and which of them are tainted. */
  const trusted = async (server: TestServer) => {
    const { x509_authorities, jwt_authorities } = await bundleOf(server);
    return [
      ...x509_authorities.map(({ asn1, tainted }) => `${asn1.toString("base64")}${tainted ? " tainted" : ""}`),
      ...jwt_authorities.map(({ key_id, tainted }) => `${key_id}${tainted ? " tainted" : ""}`),
    ].sort();
  };
  const inStep = async () => assert.deepEqual(await trusted(theirs), await trusted(ours));

  it("brings authorities both ways, follows rotations, and is then in step", async () => {
    assert.equal((await run("--check")).code, exitCodes.differs);
    assert.equal((await trusted(ours)).length, 2, "a check changes nothing");
    const first = await run("--once");
    assert.equal(first.code, exitCodes.ok, first.err);
    assert.equal((await trusted(ours)).length, 4);
    await inStep();
    assert.equal((await run("--check")).code, exitCodes.ok);
    await Promise.all([
      theirs.admin.unary(localAuthorityService.PrepareX509Authority, {}),
      ours.admin.unary(localAuthorityService.PrepareJWTAuthority, {}),
    ]);
    const watched = await run("--watch", "--interval", "1", "--timeout", "1", "--output", "json");
    assert.equal(watched.code, exitCodes.ok, watched.err);
    assert.match(watched.err, /"event":"done","text":"X\.509 authority [0-9a-f]{40} .*: now trusted by our server"/);
    assert.match(watched.err, /"event":"done","text":"JWT key .*: now trusted by SPIRE's server"/);
    assert.equal((await trusted(ours)).length, 6);
    await inStep();
  });

  it("takes distrust along: tainted, then gone, and never copied back", async () => {
    const service = localAuthorityService;
    const { active: old } = await theirs.admin.unary(service.GetX509AuthorityState, {});
    const next = await theirs.admin.unary(service.PrepareX509Authority, {});
    assert.equal((await run("--once")).code, exitCodes.ok);
    const activated = { authority_id: next.prepared_authority?.authority_id ?? "" };
    await theirs.admin.unary(service.ActivateX509Authority, activated);
    const authority_id = old?.authority_id ?? "";
    await theirs.admin.unary(service.TaintX509Authority, { authority_id });
    assert.equal((await run("--once")).code, exitCodes.ok);
    const tainted = (await trusted(ours)).filter((one) => one.endsWith(" tainted"));
    assert.equal(tainted.length, 1);
    await inStep();
    await theirs.admin.unary(revocationService.Revoke, { authority: { kind: "x509", id: authority_id }, force: true });
    assert.equal((await run("--once")).code, exitCodes.ok);
    assert.equal((await trusted(ours)).length, 4);
    await inStep();
    assert.match((await run("--once")).out, /both servers trust the same authorities/);
  });

  it("alarms where the other server cannot be told, and does not trust it again", async () => {
    assert.equal((await run("--once")).code, exitCodes.ok);
    // As if it had been distrusted there: here it is the server's own, and no mirror can take it away.
    const own = (await bundleOf(ours)).jwt_authorities[0]?.key_id ?? "";
    await theirs.admin.unary(revocationService.Distrust, { jwt_key_ids: [own], remove: true });
    const result = await run("--once");
    assert.equal(result.code, exitCodes.refused);
    assert.match(result.err, /ALARM: JWT key .* is still trusted by our server: .* is an authority of this server/);
    const watched = await run("--watch", "--timeout", "1", "--interval", "1");
    assert.deepEqual([watched.code, /ALARM/.test(watched.err)], [exitCodes.refused, true]);
    assert.deepEqual([(await trusted(theirs)).includes(own), (await trusted(ours)).includes(own)], [false, true]);
    // It is the memory that knows: whoever throws it away has it copied again.
    rmSync(state);
    assert.equal((await run("--once")).code, exitCodes.ok);
    await inStep();
  });

  it("copies no certificate of another kind or trust domain, no dead, no tainted one, no second key of an id", async () => {
    const own = TrustDomain.parse("example.org");
    const authority = new TestAuthority(own, lifetime);
    const leaf = authority.x509Svid(SpiffeId.parse("spiffe://example.org/leaf"), lifetime);
    const foreign = new TestAuthority(TrustDomain.parse("other.test"), lifetime);
    const dead = new TestAuthority(own, { notBeforeMs: Date.now() - 9_000, notAfterMs: Date.now() - 1_000 });
    const distrusted = new TestAuthority(own, lifetime);
    const der = (one: { readonly certificate: { readonly der: Uint8Array } }) => ({
      asn1: Buffer.from(one.certificate.der),
    });
    const key = (one: TestAuthority, key_id: string) => ({
      ...{ key_id, public_key: Buffer.from(one.jwtAuthority().spkiDer), expires_at: "9999999999" },
    });
    await theirs.admin.unary(bundleService.AppendBundle, {
      x509_authorities: [authority, leaf, foreign, dead, distrusted].map(der),
      jwt_authorities: [key(authority, "taken")],
    });
    const ids = [distrusted.certificate.subjectKeyId ?? ""];
    await theirs.admin.unary(revocationService.Distrust, { subject_key_ids: ids });
    await ours.admin.unary(bundleService.AppendBundle, { jwt_authorities: [key(foreign, "taken")] });

    const result = await run("--once");
    assert.equal(result.code, exitCodes.refused);
    for (const reason of [
      "it is not the certificate of an authority",
      "it is an authority of spiffe://other.test",
      "it is tainted, and was not trusted there before",
      "another key has that id there",
    ]) {
      assert.ok(result.err.includes(reason), `${reason}\n${result.err}`);
    }
    const certificates = (await bundleOf(ours)).x509_authorities.map(({ asn1 }) => asn1.toString("base64"));
    const has = (one: typeof leaf | TestAuthority) => certificates.includes(der(one).asn1.toString("base64"));
    assert.deepEqual([authority, leaf, foreign, dead, distrusted].map(has), [true, false, false, false, false]);
    const taken = (await bundleOf(ours)).jwt_authorities.filter(({ key_id }) => key_id === "taken");
    assert.deepEqual(
      taken.map(({ public_key }) => public_key.equals(Buffer.from(foreign.jwtAuthority().spkiDer))),
      [true],
    );
  });

  it("refuses another trust domain, and a memory that is not its own", async () => {
    await using other = await TestServer.start({ config: { trustDomain: TrustDomain.parse("other.test") } });
    const args = ["migrate", "trust", "--from", other.config.socketPath, "--to", ours.config.socketPath];
    const foreign = await cli([...args, "--state", state, "--once"]);
    assert.deepEqual([foreign.code, /ERR_OTHER_TRUST_DOMAIN/.test(foreign.err)], [exitCodes.refused, true]);
    assert.equal((await trusted(ours)).length, 2);
    for (const content of ["{", '{"version":1,"trust_domain":"other.test","from":{},"to":{}}', "[]"]) {
      writeFileSync(state, content);
      const result = await run("--once");
      assert.deepEqual([result.code, /ERR_MIRROR_STATE/.test(result.err)], [exitCodes.usage, true], content);
    }
    assert.equal((await trusted(ours)).length, 2);
    assert.equal((await run("--once", "--watch")).code, exitCodes.usage);
  });
});
