import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { encodePkcs8 } from "../../certs/index.ts";
import { SpiffeId, type X509Svid } from "../../spiffe/index.ts";
import { type CliOptions, type CliResult, cli } from "../../test/fakes/cli.ts";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { FakeWorkloadApi } from "../../test/fakes/fake-workload-api.ts";
import { TestCa } from "../../test/fakes/test-ca.ts";
import { exitCodes } from "../exit-codes.ts";
import { watch } from "./watch.ts";

const folder = mkdtempSync(join(tmpdir(), "cs-api-"));
let ca: TestCa;
let other: TestCa;
let agent: FakeWorkloadApi;
before(async () => {
  ca = await TestCa.create("a.test");
  other = await TestCa.create("b.test");
});
after(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  agent = await FakeWorkloadApi.start();
});
afterEach(() => agent[Symbol.asyncDispose]());

const path = (): string => agent.endpoint.slice("unix://".length);

function api(command: string, args: readonly string[] = [], options: CliOptions = {}): Promise<CliResult> {
  return cli(["api", ...command.split(" "), "--socket", path(), ...args], options);
}

/** That nothing in `text` gives a key away, in any of the forms it could have. */
function assertNoKey(text: string, svid: X509Svid): void {
  const der = Buffer.from(encodePkcs8(svid.key));
  const { d } = svid.key.export({ format: "jwk" });
  assert.ok(d);
  for (const secret of [der.toString("base64"), der.toString("hex"), d, Buffer.from(d, "base64url").toString("base64")])
    assert.ok(!text.includes(secret), "a private key is printed");
  assert.doesNotMatch(text, /PRIVATE KEY/);
}

describe("countersign api fetch x509", () => {
  it("shows the identities, never their keys", async () => {
    const svid = await ca.issue("/web");
    agent.update({ svids: [svid], bundles: [ca.bundle] });
    const { code, out, err } = await api("fetch x509");
    assert.deepEqual([code, err], [exitCodes.ok, ""]);
    assert.match(out, /^SPIFFE ID +: spiffe:\/\/a\.test\/web$/m);
    assert.match(out, new RegExp(`^Serial +: ${svid.leaf.serialNumber}$`, "m"));
    assert.match(out, /^Valid until +: \d{4}-.* UTC$/m);
    assert.match(out, /^Chain +: 1 certificate$/m);
    assert.match(out, /^Bundle +: 1 authority$/m);
    assertNoKey(out, svid);
  });

  it("gives programs the wire's names, without the keys", async () => {
    const svid = await ca.issue("/web");
    agent.update({ svids: [svid], bundles: [ca.bundle, other.bundle] });
    const { out } = await api("fetch x509", ["--output", "json"]);
    const { svids, federated_bundles } = JSON.parse(out);
    assert.equal(svids.length, 1);
    const [one] = svids;
    assert.equal(one.spiffe_id, "spiffe://a.test/web");
    assert.equal(new X509Certificate(Buffer.from(one.x509_svid, "base64")).subjectAltName, "URI:spiffe://a.test/web");
    assert.equal(one.bundle, Buffer.from(ca.bundle.x509Der()).toString("base64"));
    assert.equal(one.serial_number, svid.leaf.serialNumber);
    assert.deepEqual(federated_bundles, { "spiffe://b.test": Buffer.from(other.bundle.x509Der()).toString("base64") });
    assertNoKey(out, svid);
  });

  it("--write: keys only for their owner, in place of what was there", async () => {
    const svid = await ca.issue("/web");
    agent.update({ svids: [svid], bundles: [ca.bundle] });
    const target = join(folder, "identity");
    const first = await api("fetch x509", ["--write", target]);
    assert.match(first.out, /written to .*identity$/);
    assert.equal(statSync(target).mode & 0o777, 0o700);
    const key = join(target, "svid.0.key");
    writeFileSync(key, "old");
    chmodSync(key, 0o666);
    const { code, out, err } = await api("fetch x509", ["--write", target, "--output", "json"]);
    assert.equal(code, exitCodes.ok);
    assert.equal(statSync(key).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(target).toSorted(), ["bundle.0.pem", "svid.0.key", "svid.0.pem"]);
    const certificate = new X509Certificate(readFileSync(join(target, "svid.0.pem")));
    assert.equal(certificate.checkPrivateKey(svid.key), true);
    assert.match(readFileSync(key, "utf8"), /^-----BEGIN PRIVATE KEY-----/);
    assert.equal(new X509Certificate(readFileSync(join(target, "bundle.0.pem"))).ca, true);
    assertNoKey(out + err, svid);
  });

  it("--write: says where it could not", async () => {
    agent.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
    const file = join(folder, "file");
    writeFileSync(file, "");
    const { code, err } = await api("fetch x509", ["--write", file]);
    assert.equal(code, exitCodes.refused);
    assert.match(err, /^Error: .*\(E[A-Z]+\)/);
    const target = join(folder, "taken");
    await api("fetch x509", ["--write", target]);
    rmSync(join(target, "svid.0.pem"));
    mkdirSync(join(target, "svid.0.pem"));
    assert.equal((await api("fetch x509", ["--write", target])).code, exitCodes.refused);
    assert.deepEqual(
      readdirSync(target).filter((name) => name.endsWith(".new")),
      [],
    );
  });

  it("ends with 1 and what to do when there is no identity for this process", async () => {
    agent.deny();
    const { code, err } = await api("fetch x509");
    assert.equal(code, exitCodes.refused);
    assert.equal(err, "Error: no identity issued (ERR_FAKE_DENIED)\n       create an entry");
    const asJson = await api("fetch x509", ["--output", "json"]);
    assert.deepEqual(JSON.parse(asJson.err), {
      error: "no identity issued",
      code: "ERR_FAKE_DENIED",
      hint: "create an entry",
    });
  });

  it("ends with 1 when what it is sent is no answer", async () => {
    agent.sendRaw(Buffer.from("hello"));
    const { code, err } = await api("fetch x509");
    assert.equal(code, exitCodes.refused);
    assert.match(err, /ERR_WORKLOAD_API_MALFORMED/);
  });

  it("takes the socket as a URI, as a relative path, and from the variables of workloads", async () => {
    agent.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
    const fetch = ["api", "fetch", "x509"];
    assert.equal((await cli([...fetch, "--socket", agent.endpoint])).code, exitCodes.ok);
    const environment = { SPIFFE_ENDPOINT_SOCKET: agent.endpoint };
    assert.equal((await cli(fetch, { environment })).code, exitCodes.ok);
    const relative = await cli([...fetch, "--socket", "no-such-folder/api.sock"]);
    assert.equal(relative.code, exitCodes.unreachable);
    assert.equal((await cli([...fetch, "--socket", "tcp://127.0.0.1:1"])).code, exitCodes.unreachable);
  });
});

describe("countersign api fetch jwt, api validate jwt", () => {
  const web = SpiffeId.parse("spiffe://a.test/web");
  const db = SpiffeId.parse("spiffe://a.test/db");
  const claims = { sub: web.toString(), aud: "billing", exp: 1_764_063_000, _private: "kept" };
  beforeEach(() => {
    agent.tokens = [
      { id: web, token: "header.web.signature", hint: "", audience: ["billing", "audit"], claims },
      { id: db, token: "header.db.signature", hint: "internal", audience: ["billing"], claims },
    ];
  });

  it("prints the tokens: that is what it is for", async () => {
    const { code, out } = await api("fetch jwt", ["--audience", "billing"]);
    assert.equal(code, exitCodes.ok);
    assert.equal(
      out,
      [
        "SPIFFE ID : spiffe://a.test/web\nToken     : header.web.signature",
        "SPIFFE ID : spiffe://a.test/db\nHint      : internal\nToken     : header.db.signature",
      ].join("\n\n"),
    );
    const asJson = await api("fetch jwt", ["--audience", "billing", "--output", "json"]);
    const jwks = { keys: [] };
    assert.deepEqual(asJson.json, [
      {
        svids: [
          { spiffe_id: "spiffe://a.test/web", svid: "header.web.signature", hint: "" },
          { spiffe_id: "spiffe://a.test/db", svid: "header.db.signature", hint: "internal" },
        ],
      },
      { bundles: { "spiffe://a.test": Buffer.from(JSON.stringify(jwks)).toString("base64") } },
    ]);
  });

  it("asks for every audience, and for one identity", async () => {
    const both = await api("fetch jwt", ["--audience", "billing", "--audience", "audit"]);
    assert.deepEqual(both.out.match(/Token/g)?.length, 1);
    const one = await api("fetch jwt", ["--audience", "billing", "--spiffe-id", db.toString()]);
    assert.match(one.out, /header\.db/);
    assert.doesNotMatch(one.out, /header\.web/);
    assert.equal((await api("fetch jwt", ["--audience", "nobody"])).code, exitCodes.refused);
    const malformed = await api("fetch jwt", ["--audience", "billing", "--spiffe-id", "db"]);
    assert.equal(malformed.code, exitCodes.usage);
    assert.match(malformed.err, /--spiffe-id: /);
  });

  it("validates a token, given or on standard input, and prints its claims as they are", async () => {
    const args = ["--audience", "billing", "--svid"];
    const { code, out } = await api("validate jwt", [...args, "header.web.signature"]);
    assert.equal(code, exitCodes.ok);
    assert.match(out, /^SPIFFE ID : spiffe:\/\/a\.test\/web\nClaims +: \{"sub":/);
    const stdin = "header.web.signature\n";
    const asJson = await api("validate jwt", [...args, "-", "--output", "json"], { stdin });
    assert.deepEqual(asJson.json, { spiffe_id: "spiffe://a.test/web", claims });
  });

  it("ends with 1 for a token that is not valid", async () => {
    const { code, err } = await api("validate jwt", ["--audience", "other", "--svid", "header.web.signature"]);
    assert.equal(code, exitCodes.refused);
    assert.match(err, /^Error: the token is not valid \(ERR_FAKE_INVALID\)/);
  });
});

describe("countersign api watch", () => {
  it("prints an update each, until there were as many as asked for", async () => {
    agent.update({ svids: [await ca.issue("/first")], bundles: [ca.bundle] });
    const seen = watched(["--count", "2", "--output", "json"]);
    await seen.line();
    const second = await ca.issue("/second");
    agent.update({ svids: [second], bundles: [ca.bundle] });
    assert.equal(await seen.code, exitCodes.ok);
    assert.deepEqual(
      seen.out.map((line) => JSON.parse(line).svids[0].spiffe_id),
      ["spiffe://a.test/first", "spiffe://a.test/second"],
    );
    assertNoKey(seen.out.join("\n"), second);
    assert.match((await api("watch", ["--count", "1"])).out, /^SPIFFE ID +: spiffe:\/\/a\.test\/second$/m);
  });

  it("waits problems out and says what they are", async () => {
    agent.deny();
    const seen = watched(["--count", "1"]);
    await seen.error();
    agent.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
    assert.equal(await seen.code, exitCodes.ok);
    assert.match(seen.err[0] ?? "", /^no identity issued \(ERR_FAKE_DENIED\); trying again in \d+ ms$/);
    agent.deny();
    const asJson = watched(["--count", "1", "--output", "json"]);
    await asJson.error();
    agent.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
    await asJson.code;
    const { retry_in_ms, ...problem } = JSON.parse(asJson.err[0] ?? "");
    assert.deepEqual(problem, { error: "no identity issued", code: "ERR_FAKE_DENIED" });
    assert.ok(retry_in_ms >= 0);
  });

  it("ends with 4 when its time is over before there were enough, with 0 when it was only told how long", async () => {
    const clock = new FakeClock();
    for (const [count, expected] of [
      [2, exitCodes.timedOut],
      [0, undefined],
    ] as const) {
      agent.update({ svids: [await ca.issue("/web")], bundles: [ca.bundle] });
      let code: number | undefined;
      const terminal = { out: () => void clock.advance(60_000), err() {}, colors: false };
      await watch(
        { socket: path(), output: "json", count, timeout: 60 },
        { terminal, environment: {}, uid: 0, readStdin: async () => "" },
        (exitCode) => {
          code = exitCode;
        },
        clock,
      );
      assert.equal(code, expected);
    }
  });

  it("ends with 1 when no retry can help", async () => {
    agent.refuseForGood();
    const { code, err } = await api("watch", ["--timeout", "1h"]);
    assert.equal(code, exitCodes.refused);
    assert.match(err, /^Error: bad request \(ERR_FAKE_INVALID\)/);
  });
});

/** A watch under way, whose output is read while it runs. */
function watched(args: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const heard = { line: Promise.withResolvers<void>(), error: Promise.withResolvers<void>() };
  const code = cli(["api", "watch", "--socket", path(), ...args], {
    onOut: (text) => {
      out.push(text);
      heard.line.resolve();
    },
    onErr: (text) => {
      err.push(text);
      heard.error.resolve();
    },
  }).then((result) => result.code);
  return { out, err, code, line: () => heard.line.promise, error: () => heard.error.promise };
}
