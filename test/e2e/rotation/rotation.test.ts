import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Certificate, parsePemCertificates } from "../../../certs/index.ts";
import { attestRaw } from "../../env/raw-agent.ts";
import { System } from "../../env/system.ts";
import { everythingRotates, short } from "./scenarios.ts";

describe("rotation with short lives", () => {
  it("replaces SVIDs, the CA and the agent's own SVID; every state verifies under its own bundles", () =>
    everythingRotates());

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
