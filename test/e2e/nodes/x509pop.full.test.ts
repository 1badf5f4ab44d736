// needs: time; budget: 180; waits
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type AgentHandle, System } from "../../env/system.ts";
import type { Crafted } from "../../fakes/crafted-certificate.ts";
import { NodePki, pem } from "../../fakes/node-certificates.ts";

const foreign = new NodePki();
const pki = new NodePki();

const sha1 = ({ der }: Crafted): string => createHash("sha1").update(der).digest("hex");

/** Starts an agent called `name` that shows the node's certificate. */
async function startNode(system: System, name: string, node: Crafted): Promise<AgentHandle> {
  const { chain, key } = pki.write(join(system.folder, `${name}-pki`), node);
  const bundle = join(system.folder, "bundle.pem");
  writeFileSync(bundle, (await system.cli("bundle", "show")).stdout);
  const id = `spiffe://${system.trustDomain}/spire/agent/x509pop/${sha1(node)}`;
  const x509pop = `{ private_key_path: ${key}, certificate_path: ${chain} }`;
  return system.launchAgent(name, id, "", {
    settings: { node_attestors: `{ x509pop: ${x509pop} }`, trust_bundle_path: bundle },
  });
}

describe("a node with a certificate from elsewhere", () => {
  it("attests, serves workloads, comes back after an eviction, and stays away after a ban", async () => {
    const directory = mkdtempSync(join(tmpdir(), "cs-x509pop-"));
    const ca = join(directory, "ca.pem");
    writeFileSync(ca, pem(foreign.root));
    try {
      await using system = await System.start({
        settings: { node_attestors: `{ join_token: { enabled: false }, x509pop: { ca_bundle_path: ${ca} } }` },
      });
      const node = pki.node("h1");
      await assert.rejects(startNode(system, "too-early", node), /verification failed.*ERR_ATTESTATION_REFUSED/s);
      // The operator adds the machines' authority: no restart.
      writeFileSync(ca, pem(foreign.root) + pem(pki.root));
      const agent = await startNode(system, "h1", node);
      await system.createEntry(agent, { path: "/web" });
      const fetch = async (): Promise<string> => (await system.tryAgentCli(agent, "api", "fetch", "x509")).stdout;
      assert.match(await fetch(), /spiffe:\/\/test\.example\/web/);
      const shown = JSON.stringify(await system.json("agent", "show", agent.alias));
      assert.match(shown, /subject:cn:h1/);
      assert.match(shown, /"can_reattest":\s*true/);

      await system.cli("agent", "evict", agent.alias);
      let attestations = 0;
      await agent.running.waitFor(({ message }) => message === "attested to the server" && ++attestations === 2);
      assert.match(await fetch(), /spiffe:\/\/test\.example\/web/);

      // The same node after its disk was lost: its record is updated.
      await agent.running.stop();
      await startNode(system, "h1-again", node);
      assert.match((await system.cli("agent", "count")).stdout, /^1 agent/);

      await system.cli("agent", "ban", agent.alias);
      await assert.rejects(startNode(system, "h1-banned", node), /agent is banned.*ERR_ATTESTATION_REFUSED/s);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
