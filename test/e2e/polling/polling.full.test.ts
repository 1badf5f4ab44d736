// needs: time; budget: 240; waits
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LogLine } from "../../env/processes.ts";
import { System } from "../../env/system.ts";
import { Watch } from "../../env/watch.ts";
import { entriesReachWorkloads, jwtSvidsOutliveTheServer } from "../entries/scenarios.ts";
import { bannedAgentsForget } from "../nodes/scenarios.ts";
import { everythingRotates } from "../rotation/scenarios.ts";

describe("a server that is replaced by one of the other kind", () => {
  it("is polled, then pushes, then is polled again; the agent is not restarted and loses nothing", async () => {
    await using system = await System.start({ polled: true });
    const agent = await system.startAgent();
    await using watch = new Watch(agent.socket);
    await system.createEntry(agent, { path: "/polled" });
    await watch.until(({ svids }) => svids[0].id.path === "/polled", 15_000);
    const polled = agent.running.log.filter(({ message }) => String(message).includes("it is polled"));
    assert.equal(polled.length, 1);

    await system.server.stop();
    await system.startServer(false);
    const pushed = await system.createEntry(agent, { path: "/pushed" });
    await watch.until(({ svids }) => svids.length === 2, 15_000);
    // A server that pushes has a name; the agent had the new connection ready, or made it when the old one was lost.
    const isPush = (line: LogLine): boolean => line["server_id"] !== undefined && line["server_id"] !== "";
    await agent.running.waitFor(isPush);

    await system.server.stop();
    await system.startServer(true);
    await system.cli("entry", "delete", pushed);
    const left = await watch.until(({ svids }) => svids.length === 1, 15_000, watch.updates.length - 1);
    assert.equal(left.svids[0].id.path, "/polled");
    assert.equal(agent.running.child.exitCode, null);
  });
});

/** Each poll takes a second, and a chain of authorities must not be over before an agent has heard of it. */
const slower = { ca_ttl: "30s", default_x509_svid_ttl: "9s", default_jwt_svid_ttl: "5s", agent_ttl: "12s" };

describe("under a server that is polled", () => {
  it("entries reach workloads", () => entriesReachWorkloads({ polled: true }));
  it("JWT-SVIDs outlive the server", () => jwtSvidsOutliveTheServer({ polled: true }));
  it("everything rotates", () => everythingRotates({ polled: true, settings: slower }));
  it("banned agents forget", () => bannedAgentsForget({ polled: true }));
});
