// needs: time; budget: 180; waits
import assert from "node:assert/strict";
import { once } from "node:events";
import { type Agent, request } from "node:https";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createHttpsAgent, createHttpsServer, id, peerOf, X509Source } from "../../../sdk/index.ts";
import { System } from "../../env/system.ts";

/** Ten minutes are `SOAK_SECONDS=600`. */
const seconds = Number(process.env["SOAK_SECONDS"] ?? 60);
const connections = 200;
const settings = { default_x509_svid_ttl: "3s", agent_ttl: "1h" };

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

function liveBytes(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Whether it was answered. What fails on an open connection is thrown. */
async function ask(agent: Agent, port: number): Promise<boolean> {
  const asked = request({ host: "127.0.0.1", port, agent });
  asked.end();
  try {
    const [response] = await once(asked, "response");
    assert.equal(response.statusCode, 200);
    for await (const _chunk of response);
    return true;
  } catch (error) {
    // While 200 handshakes are under way, an SVID of three seconds may expire. This is about what comes after them.
    if (asked.reusedSocket) throw error;
    return false;
  }
}

describe("connections that are kept alive", () => {
  it("lose nothing and cost no memory while SVIDs rotate every second and the agent is killed", async () => {
    await using system = await System.start({ settings });
    let agent = await system.startAgent();
    for (const path of ["/db", "/web"]) await system.createEntry(agent, { path, flags: ["--wait"] });
    const endpoint = `unix://${agent.socket}`;
    const open = (own: string): Promise<X509Source> =>
      X509Source.open({ endpoint, pick: (svids) => svids.find(({ id: { path } }) => path === own) });
    await using db = await open("/db");
    await using web = await open("/web");
    const serials = new Set<string>();
    web.onChange(() => serials.add(web.svid.leaf.serialNumber));
    const [idOfDb, idOfWeb] = ["/db", "/web"].map((path) => `spiffe://${system.trustDomain}${path}`);
    assert.ok(idOfDb !== undefined && idOfWeb !== undefined);
    let accepted = 0;
    const server = createHttpsServer(db, { authorize: id(idOfWeb) }, (asked, response) => {
      assert.equal(peerOf(asked).id.toString(), idOfWeb);
      response.end();
    });
    server.on("connection", () => {
      accepted += 1;
    });
    server.keepAliveTimeout = 3_600_000;
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    const pool = createHttpsAgent(web, { authorize: id(idOfDb), keepAlive: true, maxSockets: connections });

    const until = Date.now() + seconds * 1000;
    let answered = 0;
    const workers = Array.from({ length: connections }, async () => {
      while (Date.now() < until) {
        if (await ask(pool, address.port)) answered += 1;
        await sleep(400);
      }
    });
    // A failure is the test's at once.
    await Promise.race([sleep((seconds * 1000) / 4), Promise.all(workers)]);
    const before = { live: liveBytes(), accepted };
    agent.running.kill();
    await agent.running.ended;
    agent = await system.launchAgent(agent.name, agent.alias, agent.token);
    await Promise.all(workers);
    const after = { live: liveBytes(), accepted };
    pool.destroy();
    server.closeAllConnections();
    server.close();

    assert.ok(answered > 10 * seconds, `${answered} requests`);
    assert.ok(serials.size > seconds / 3, `${serials.size} SVIDs in ${seconds} s`);
    assert.equal(after.accepted, before.accepted, "no connection was made anew");
    const grown = (after.live - before.live) / 1024 / 1024;
    assert.ok(grown < 8, `${grown} MiB more are in use than after a quarter of the time`);
    process.stdout.write(`# ${answered} requests, ${serials.size} SVIDs, ${grown.toFixed(1)} MiB more in use\n`);
  });
});
