import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { buildCsr, generateKey } from "../../certs/index.ts";
import { decodeX509Svid } from "../../proto/convert/svid.ts";
import { entryService, svidService } from "../../proto/services.ts";
import { systemClock } from "../../runtime/core/index.ts";
import { SpiffeBundle, verifyX509Svid, X509Svid } from "../../spiffe/index.ts";
import { type CliResult, cli } from "../../test/fakes/cli.ts";
import { FakeWorkloadApi } from "../../test/fakes/fake-workload-api.ts";
import { TestPki } from "../../test/fakes/test-pki.ts";
import { type TestAgent, TestServer } from "../../test/fakes/test-server.ts";
import { listenTls, RpcRouter, type TlsIdentity } from "../../transport/index.ts";
import { exitCodes } from "../exit-codes.ts";
import { dialRemote } from "./dial.ts";

describe("commands with --server", () => {
  let server: TestServer;
  let workloads: FakeWorkloadApi;
  let agent: TestAgent;
  let bundle: SpiffeBundle;
  before(async () => {
    server = await TestServer.start();
    workloads = await FakeWorkloadApi.start();
    agent = await server.agent();
    const own = server.server.core.registry.bundle(server.config.trustDomain);
    assert.ok(own !== undefined);
    bundle = own;
  });
  after(async () => {
    await workloads[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  /** What the Workload API of a host gives the operator. */
  async function identityOf(path: string, parts: { readonly admin: boolean }): Promise<X509Svid> {
    const entry_id = await server.createEntry(agent, path, parts);
    const key = await generateKey("ec-p256");
    const { results } = await server
      .dialAs(agent)
      .unary(svidService.BatchNewX509SVID, { params: [{ entry_id, csr: Buffer.from(buildCsr({ key })) }] });
    return X509Svid.of({ chain: [...decodeX509Svid(results[0]?.svid ?? null).chain], key });
  }

  function remote(command: string, ...args: readonly string[]): Promise<CliResult> {
    const { host, port } = server.server.tcp;
    return cli([...command.split(" "), "--server", `${host}:${port}`, ...args], {
      environment: { SPIFFE_ENDPOINT_SOCKET: workloads.endpoint },
    });
  }

  /** `entry list` at a listener that shows `identity`, lets everybody in, and counts the calls that reach it. */
  async function atImpostor(identity: TlsIdentity, ...args: readonly string[]) {
    let calls = 0;
    const router = new RpcRouter();
    router.unary(entryService.ListEntries, async () => {
      calls += 1;
      return { entries: [], next_page_token: "" };
    });
    const impostor = await listenTls({
      ...{ host: "127.0.0.1", port: 0, router, identity: () => identity },
      verifyPeer: (chain) =>
        verifyX509Svid({ chain, bundles: { get: () => bundle }, atMs: systemClock.now(), usage: "client" }),
    });
    const { port } = impostor.address;
    const { code, err } = await cli(["entry", "list", "--server", `127.0.0.1:${port}`, ...args], {
      environment: { SPIFFE_ENDPOINT_SOCKET: workloads.endpoint },
    });
    await impostor.close({ graceMs: 0 });
    return { code, err, calls };
  }

  it("act as an admin's SVID from the Workload API; anybody else's is refused", async () => {
    const admin = await identityOf("/operator", { admin: true });
    const ordinary = await identityOf("/ordinary", { admin: false });
    workloads.update({ svids: [admin, ordinary], bundles: [bundle] });
    const created = await remote(
      "entry create",
      ...["--parent-id", "spiffe://example.org/host", "--spiffe-id", "spiffe://example.org/made-from-afar"],
      ...["--selector", "unix:uid:7"],
    );
    assert.equal(created.code, exitCodes.ok, created.err);
    assert.match((await remote("entry list")).out, /made-from-afar/);
    assert.match((await remote("agent list")).out, /spire\/agent\/join_token/);
    assert.match((await remote("token generate")).out, /^Token/);

    const denied = await remote("entry list", "--as", "spiffe://example.org/ordinary");
    assert.deepEqual([denied.code, denied.out], [exitCodes.refused, ""]);
    assert.match(denied.err, /ERR_NOT_AUTHORIZED/);
    const nobody = await remote("entry list", "--as", "spiffe://example.org/nobody", "--output", "json");
    assert.deepEqual([nobody.code, JSON.parse(nobody.err).code], [exitCodes.refused, "ERR_NO_SUCH_IDENTITY"]);
  });

  it("send nothing to what is not the server, although the trust domain vouches for it", async () => {
    workloads.update({ svids: [await identityOf("/operator-2", { admin: true })], bundles: [bundle] });
    const { code, err, calls } = await atImpostor({ chain: agent.svid.chain, key: agent.key });
    assert.equal(code, exitCodes.refused);
    assert.match(
      err,
      /is not to be trusted: the other side is spiffe:.*\/spire\/agent\/.*, not .*\/spire\/server \(ERR_SERVER_NOT/,
    );
    assert.equal(calls, 0);
  });

  it("do not trust a server of another trust domain, nor one that no bundle vouches for", async () => {
    const admin = await identityOf("/operator-3", { admin: true });
    workloads.update({ svids: [admin], bundles: [bundle] });
    const other = await remote("entry list", "--server-trust-domain", "other.test");
    assert.match(other.err, /not spiffe:\/\/other\.test\/spire\/server \(ERR_SERVER_NOT_VERIFIED\)/);
    const impostor = TestPki.create("example.org");
    const atItsServer = await atImpostor(impostor.issue("/spire/server"));
    assert.deepEqual([atItsServer.code, atItsServer.calls], [exitCodes.refused, 0]);
    assert.match(atItsServer.err, /ERR_SERVER_NOT_VERIFIED/);
    workloads.update({
      svids: [admin],
      bundles: [SpiffeBundle.of(server.config.trustDomain, { x509Authorities: [{ certificate: impostor.root }] })],
    });
    const unvouched = await remote("entry list");
    assert.deepEqual([unvouched.code, /ERR_SERVER_NOT_VERIFIED/.test(unvouched.err)], [exitCodes.refused, true]);
    const vouched = await atImpostor(impostor.issue("/spire/server"));
    assert.deepEqual([vouched.code, vouched.calls], [exitCodes.ok, 1], "what the bundle vouches for is called");
  });

  it("say what is wrong with how they are called", async () => {
    for (const [args, expected] of [
      [["--server", "nowhere"], /--server: nowhere is not HOST:PORT/],
      [["--server", "a:1", "--socket", "/x"], /--server.*cannot be used with.*--socket/],
      [["--server", "a:1", "--server-trust-domain", "BAD_"], /--server-trust-domain: /],
      [["--server", "a:1", "--workload-socket", "http://x"], /--workload-socket: /],
    ] as const) {
      const { code, err } = await cli(["entry", "list", ...args], {
        environment: { SPIFFE_ENDPOINT_SOCKET: workloads.endpoint },
      });
      assert.equal(code, exitCodes.usage, err);
      assert.match(err, expected);
    }
    const nobody = await cli(["entry", "list", "--server", "127.0.0.1:1", "--workload-socket", "/nowhere/api.sock"]);
    assert.equal(nobody.code, exitCodes.unreachable);
  });

  it("do not wait for ever for a Workload API that accepts and says nothing", async (context) => {
    const folder = mkdtempSync(join(tmpdir(), "cs-cli-"));
    const workloadSocket = join(folder, "mute.sock");
    const accepted: Socket[] = [];
    const listener = createServer((connection) => void accepted.push(connection.resume()));
    context.after(() => {
      for (const connection of accepted) connection.destroy();
      listener.close();
      rmSync(folder, { recursive: true });
    });
    await new Promise<void>((resolve) => listener.listen(workloadSocket, resolve));
    const options = { socket: "", output: "pretty", server: "127.0.0.1:1", workloadSocket } as const;
    const dialled = dialRemote(options, { environment: {}, uid: 0 }, 50);
    await assert.rejects(dialled, { code: "ERR_DEADLINE_EXCEEDED", exitCode: exitCodes.unreachable });
  });
});
