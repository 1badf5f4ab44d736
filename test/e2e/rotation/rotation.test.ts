import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Certificate, parsePemCertificates } from "../../../certs/index.ts";
import { verifyX509Svid } from "../../../spiffe/index.ts";
import { attestRaw } from "../../env/raw-agent.ts";
import { System } from "../../env/system.ts";
import { Watch } from "../../env/watch.ts";

const short = { ca_ttl: "12s", default_x509_svid_ttl: "4s", default_jwt_svid_ttl: "3s", agent_ttl: "6s" };

describe("rotation with short lives", () => {
  it("replaces SVIDs, the CA and the agent's own SVID; every state verifies under its own bundles", async () => {
    await using system = await System.start({ settings: short });
    const agent = await system.startAgent();
    await system.createEntry(agent, { path: "/web", flags: ["--wait"] });
    await using watch = new Watch(agent.socket);
    const issuers = new Set<string | undefined>();
    const serials = new Set<string>();
    await watch.until(({ svids }) => {
      issuers.add(svids[0].leaf.authorityKeyId);
      serials.add(svids[0].leaf.serialNumber);
      return issuers.size >= 3;
    }, 45_000);
    assert.ok(serials.size >= 6, `${serials.size} serials`);
    for (const { svids, bundles } of watch.updates) {
      const [svid] = svids;
      const atMs = svid.leaf.notBefore + 2_000;
      assert.equal(verifyX509Svid({ chain: svid.chain, bundles, atMs, usage: "any" }).id.path, "/web");
    }
    // A new authority is in the bundle before anything is signed under it.
    const firstUse = watch.updates.find(
      ({ svids }) => svids[0].leaf.authorityKeyId !== watch.updates[0]?.svids[0].leaf.authorityKeyId,
    );
    const issuer = firstUse?.svids[0].leaf.authorityKeyId;
    const earlier = watch.updates.slice(0, firstUse === undefined ? 0 : watch.updates.indexOf(firstUse));
    const publishedBefore = earlier.some(({ bundles, svids }) =>
      bundles
        .get(svids[0].id.trustDomain)
        ?.x509Authorities.some(({ certificate }) => certificate.subjectKeyId === issuer),
    );
    assert.ok(publishedBefore, "the issuer was in no earlier bundle");
    assert.deepEqual(watch.problems, []);
    const shown = await system.json("agent", "list");
    assert.match(JSON.stringify(shown), /"connected":true/);
  });

  it("replaces a CA that expired while the server was stopped", async () => {
    await using system = await System.start({ settings: { ...short, ca_ttl: "6s" } });
    const before = await authorities(system);
    await system.server.stop();
    await new Promise((resolve) => setTimeout(resolve, 6_500));
    await system.startServer();
    const health = await system.tryCli("server", "healthcheck");
    assert.equal(health.code, 0, health.stderr);
    const valid = (await authorities(system)).filter(({ notAfter }) => notAfter > Date.now());
    assert.ok(valid.length >= 1);
    assert.ok(
      valid.every((one) => !before.some((other) => other.equals(one))),
      "an expired authority was kept in use",
    );
    await attestRaw(system, String((await system.json("token", "generate"))["value"]));
  });
});

async function authorities(system: System): Promise<readonly Certificate[]> {
  return parsePemCertificates((await system.cli("bundle", "show")).stdout);
}
