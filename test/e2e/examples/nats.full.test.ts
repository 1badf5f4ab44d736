// needs: root, nats; budget: 180
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect } from "@nats-io/transport-node";
import { id, tlsOptions, X509Source } from "../../../sdk/index.ts";
import { freePort } from "../../env/examples.ts";
import { FileIdentity } from "../../env/file-identity.ts";
import { Running } from "../../env/processes.ts";
import { System } from "../../env/system.ts";

describe("nats against nats-server", () => {
  it("connects through rotations on both sides, and tells a server that is not the expected one nothing", async () => {
    await using system = await System.start({
      settings: { ca_ttl: "24s", default_x509_svid_ttl: "6s", agent_ttl: "24s" },
    });
    const agent = await system.startAgent();
    await system.createEntry(agent, { path: "/app", flags: ["--wait"] });
    let reload = async (): Promise<void> => {};
    await using identity = await FileIdentity.create(system, agent, { path: "/nats", onRenewed: () => reload() });
    const port = await freePort();
    const config = join(system.folder, "nats.conf");
    const files = `cert_file: "${identity.chain}", key_file: "${identity.key}", ca_file: "${identity.bundle}"`;
    writeFileSync(config, `listen: "127.0.0.1:${port}"\ntls { ${files}, verify: true }\n`);
    await using server = new Running("/usr/sbin/nats-server", ["--config", config]);
    await server.waitFor(({ text }) => String(text).includes("Server is ready"));
    let reloads = 0;
    reload = async () => {
      reloads += 1;
      const from = server.lines.length;
      server.kill("SIGHUP");
      await server.waitFor(({ text }) => String(text).includes("Reloaded server configuration"), 10_000, from);
    };
    await using source = await X509Source.open({ endpoint: `unix://${agent.socket}` });
    const tls = tlsOptions(source, { authorize: id("spiffe://test.example/nats") });
    const to = { servers: `127.0.0.1:${port}`, reconnect: false };
    const serials = new Set<string>();
    while (serials.size < 4 || reloads < 3) {
      const connection = await connect({ ...to, tls });
      await connection.flush();
      await connection.close();
      serials.add(source.svid.leaf.serialNumber);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    const isOther = tlsOptions(source, { authorize: id("spiffe://test.example/other") });
    await assert.rejects(
      connect({ ...to, tls: isOther }),
      /test\.example\/nats is not spiffe:\/\/test\.example\/other/,
    );
  });
});
