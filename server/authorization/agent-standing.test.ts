import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeItem, nodeOf } from "../../test/fakes/server-values.ts";
import { ServiceWorld } from "../../test/fakes/service-world.ts";
import type { AuthorityRecord } from "../domain/authority.ts";

function authority(id: string, kind: AuthorityRecord["kind"] = "x509"): AuthorityRecord {
  const common = { chain: [], anchors: [], publicKey: new Uint8Array(), upstreamId: "", issuedAt: 0, changedAt: 0 };
  return { kind, id, serverId: "s", state: "active", keyId: `key-${id}`, notAfter: 4_000_000_000, ...common };
}

describe("AgentStanding", () => {
  it("takes an agent's SVID from this server's authorities, not from a server below them", async () => {
    const world = new ServiceWorld();
    world.registry.apply(nodeItem(nodeOf("a")));
    world.registry.apply({ type: "authority", key: "x509/own", value: authority("own") });
    world.registry.apply({ type: "authority", key: "jwt/jwt-key", value: authority("jwt-key", "jwt") });
    const refusal = (aboveIssuer: readonly string[]) => world.standing.refusal(world.agent("a", { aboveIssuer }));
    assert.equal(await refusal([]), undefined, "under an own CA that is a trust anchor");
    assert.equal(await refusal(["corporate-root"]), undefined, "under an own CA that is itself below another");
    assert.equal(await refusal(["jwt-key"]), undefined, "a name is not a certificate");
    const forged = await refusal(["own", "corporate-root"]);
    assert.equal(forged?.code, "ERR_AGENT_ISSUER", "own serial number and all");
  });
});
