// needs: root, redis; budget: 180
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Redis } from "ioredis";
import { freePort, startExample } from "../../env/examples.ts";
import { FileIdentity } from "../../env/file-identity.ts";
import { Running } from "../../env/processes.ts";
import { System } from "../../env/system.ts";

describe("ioredis against Redis", () => {
  it("goes on through rotations on both sides, and tells a server that is not the expected one nothing", async () => {
    await using system = await System.start({
      settings: { ca_ttl: "24s", default_x509_svid_ttl: "6s", agent_ttl: "24s" },
    });
    const agent = await system.startAgent();
    await system.createEntry(agent, { path: "/app", flags: ["--wait"] });
    const admin = join(system.folder, "admin.sock");
    await using identity = await FileIdentity.create(system, agent, {
      path: "/redis",
      onRenewed: async () => {
        // Where it has not started yet it will read the new files.
        const redis = new Redis({ path: admin, retryStrategy: () => null });
        redis.on("error", () => {
          // The command fails with it.
        });
        const files = {
          "tls-cert-file": identity.chain,
          "tls-key-file": identity.key,
          "tls-ca-cert-file": identity.bundle,
        };
        await redis.call("CONFIG", "SET", ...Object.entries(files).flat());
        redis.disconnect();
      },
    });
    const port = await freePort();
    await using server = new Running("/usr/bin/redis-server", [
      ...[
        "--bind",
        "127.0.0.1",
        "--port",
        "0",
        "--tls-port",
        String(port),
        "--tls-auth-clients",
        "yes",
        "--tls-protocols",
        "TLSv1.3",
      ],
      ...["--tls-cert-file", identity.chain, "--tls-key-file", identity.key, "--tls-ca-cert-file", identity.bundle],
      ...["--unixsocket", admin, "--dir", system.folder, "--save", ""],
    ]);
    await server.waitFor(({ text }) => String(text).includes("Ready to accept connections"));
    const environment = { HOST: "127.0.0.1", PORT: String(port), SERVER_ID: "spiffe://test.example/redis" };
    await using app = startExample("redis/app.ts", agent, { environment });
    const connections = new Set<string>();
    await app.waitFor(({ text }) => {
      const [, visitor, connection] = /^visitor (\d+) on connection (\d+)$/.exec(String(text)) ?? [];
      assert.ok(visitor !== undefined && connection !== undefined, `${text}\n${server.tail()}`);
      connections.add(connection);
      return connections.size >= 5;
    }, 60_000);
    assert.ok(identity.renewals >= 3, `${identity.renewals} renewals`);
    const other = { ...environment, SERVER_ID: "spiffe://test.example/other" };
    await using wrong = startExample("redis/app.ts", agent, { environment: other });
    await wrong.waitFor(({ text }) => text === "spiffe://test.example/redis is not spiffe://test.example/other");
    assert.equal(wrong.stdout, "");
  });
});
