// needs: time; budget: 180; waits
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:https";
import { describe, it } from "node:test";
import { exitCodes } from "../../../cli/exit-codes.ts";
import { createHttpsAgent, createHttpsServer, id, X509Source } from "../../../sdk/index.ts";
import { verifyX509Svid } from "../../../spiffe/index.ts";
import { System } from "../../env/system.ts";
import { Watch } from "../../env/watch.ts";

/** The id in the JSON answer of a `localauthority x509` command. */
async function idOf(system: System, part: string, ...command: readonly string[]): Promise<string> {
  const { [part]: state } = await system.json("localauthority", "x509", ...command);
  return typeof state === "object" && state !== null && "authority_id" in state ? String(state.authority_id) : "";
}

/** Status of a request on a fresh mutual TLS connection. */
function ask(port: number, agent: ReturnType<typeof createHttpsAgent>): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port, agent, headers: { connection: "close" } }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode ?? 0));
    });
    call.once("error", reject);
    call.end();
  });
}

describe("a compromised CA", () => {
  it("is replaced everywhere while workloads keep talking, and revoked when nothing rests on it", async () => {
    await using system = await System.start();
    const agent = await system.startAgent();
    await system.createEntry(agent, { path: "/web", flags: ["--wait"] });
    await using watch = new Watch(agent.socket);
    await watch.until(() => true);
    await using source = await X509Source.open({ endpoint: `unix://${agent.socket}` });
    const authorize = id(`spiffe://${system.trustDomain}/web`);
    const server = createHttpsServer(source, { authorize }, (_request, response) => response.end("ok"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const client = createHttpsAgent(source, { authorize });

    const old = await idOf(system, "active", "show");
    const next = await idOf(system, "prepared_authority", "prepare");
    const early = await system.tryCli("localauthority", "x509", "taint", "-authorityID", old);
    assert.match(early.stderr, /active authority cannot be tainted/);
    await system.cli("localauthority", "x509", "activate", "-authorityID", next);
    const untainted = await system.tryCli("localauthority", "x509", "revoke", "--authority-id", old);
    assert.equal(untainted.code, exitCodes.refused, untainted.stderr);
    await system.cli("localauthority", "x509", "taint", "-authorityID", old);

    let isOver = false;
    const traffic = (async () => {
      let answered = 0;
      while (!isOver) {
        assert.equal(await ask(port, client), 200);
        answered += 1;
      }
      return answered;
    })();
    const replaced = await watch.until(({ svids }) => svids[0].leaf.authorityKeyId === next, 60_000);
    assert.equal(
      verifyX509Svid({ chain: replaced.svids[0].chain, bundles: replaced.bundles, atMs: Date.now(), usage: "any" }).path
        .length,
      2,
    );
    const revoked = await system.cli("localauthority", "x509", "revoke", "--authority-id", old, "--timeout", "60s");
    assert.match(revoked.stdout, new RegExp(old));
    await watch.until(({ bundles, svids }) => bundles.get(svids[0].id.trustDomain)?.x509Authorities.length === 1);
    const entryId = await system.createEntry(agent, { path: "/later", flags: ["--wait"] });
    assert.ok(entryId.length > 0, "the agent is still there");
    isOver = true;
    assert.ok((await traffic) > 0);
    server.close();
    client.destroy();
    assert.deepEqual(watch.problems, []);
  });

  it("is not revoked while an agent that may rest on it is away, unless forced", async () => {
    await using system = await System.start();
    const agent = await system.startAgent();
    const old = await idOf(system, "active", "show");
    const next = await idOf(system, "prepared_authority", "prepare");
    await system.cli("localauthority", "x509", "activate", "--authority-id", next);
    await agent.running.stop();
    await system.cli("localauthority", "x509", "taint", "--authority-id", old);
    const args = ["localauthority", "x509", "revoke", "--authority-id", old];
    const refused = await system.tryCli(...args, "--timeout", "0");
    assert.equal(refused.code, exitCodes.refused);
    assert.match(refused.stderr, /spire\/agent\/join_token\/.*is not connected.*until .* at the latest/);
    const waited = await system.tryCli(...args, "--timeout", "1s");
    assert.equal(waited.code, exitCodes.timedOut);
    const forced = await system.cli(...args, "--force");
    assert.match(forced.stdout, /Cut off:\n.*is not connected/);
    const audit = system.server.log.findLast((line) => line["type"] === "audit");
    assert.deepEqual([audit?.["force"], audit?.["obstacles_overridden"]], [true, 1]);
  });
});
