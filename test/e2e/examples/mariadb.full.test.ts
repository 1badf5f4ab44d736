// needs: root, mariadb; budget: 180
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { createConnection, createPool, type RowDataPacket } from "mysql2/promise";
import { id, mysql2Options, X509Source } from "../../../sdk/index.ts";
import { freePort } from "../../env/examples.ts";
import { FileIdentity } from "../../env/file-identity.ts";
import { Running } from "../../env/processes.ts";
import { System } from "../../env/system.ts";

interface StatusRow extends RowDataPacket {
  readonly Value: string;
}

describe("mysql2 against MariaDB", () => {
  it("signs in with certificate and password, through rotations on both sides", async () => {
    await using system = await System.start({
      settings: { ca_ttl: "24s", default_x509_svid_ttl: "6s", agent_ttl: "24s" },
    });
    const agent = await system.startAgent();
    await system.createEntry(agent, { path: "/app", flags: ["--dns", "app", "--wait"] });
    const admin = { socketPath: join(system.folder, "admin.sock"), user: "root" };
    await using identity = await FileIdentity.create(system, agent, {
      path: "/db",
      onRenewed: async () => {
        const connection = await createConnection(admin);
        await connection.query("FLUSH SSL");
        await connection.end();
      },
    });
    const data = join(system.folder, "mariadb");
    const install = ["--no-defaults", "--user=root", `--datadir=${data}`, "--auth-root-authentication-method=socket"];
    execFileSync("mariadb-install-db", [...install, "--skip-test-db"], { stdio: "ignore" });
    const port = await freePort();
    await using server = new Running("/usr/sbin/mariadbd", [
      ...["--no-defaults", "--user=root", `--datadir=${data}`, `--socket=${admin.socketPath}`, `--port=${port}`],
      ...["--bind-address=127.0.0.1", "--plugin-load-add=auth_ed25519", "--skip-name-resolve", "--tls-version=TLSv1.3"],
      ...[`--ssl-cert=${identity.chain}`, `--ssl-key=${identity.key}`, `--ssl-ca=${identity.bundle}`],
    ]);
    await server.waitFor(({ text }) => String(text).includes("ready for connections"));
    const root = await createConnection(admin);
    await root.query("CREATE USER app@'127.0.0.1' IDENTIFIED BY 'secret' REQUIRE SUBJECT '/C=US/O=SPIRE/CN=app'");
    await root.query("CREATE USER other@'127.0.0.1' IDENTIFIED BY 'secret' REQUIRE SUBJECT '/C=US/O=SPIRE/CN=other'");
    await root.end();

    await using source = await X509Source.open({ endpoint: `unix://${agent.socket}` });
    const to = { host: "127.0.0.1", port, user: "app", password: "secret" };
    const isDb = mysql2Options(source, { authorize: id("spiffe://test.example/db") });
    const ends = new Set<string>();
    while (ends.size < 4) {
      const pool = createPool({ ...isDb, ...to, connectionLimit: 3 });
      // Statements of all kinds: packets are numbered from 0 again after the login.
      await Promise.all([1, 2, 3, 4, 5].map(() => pool.execute("SELECT ? + 1 AS next", [41])));
      await pool.query(`SELECT '${"x".repeat(100_000)}' AS long_text`);
      const [[tls]] = await pool.query<StatusRow[]>("SHOW STATUS LIKE 'Ssl_version'");
      assert.equal(tls?.Value, "TLSv1.3");
      const [[end]] = await pool.query<StatusRow[]>("SHOW STATUS LIKE 'Ssl_server_not_after'");
      ends.add(end?.Value ?? "");
      await pool.end();
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    assert.ok(identity.renewals >= 3, `${identity.renewals} renewals`);

    // The wrong certificate, the wrong password, the wrong server: each is refused.
    const denied = { code: "ER_ACCESS_DENIED_ERROR" };
    await assert.rejects(createConnection({ ...isDb, ...to, user: "other" }), denied);
    await assert.rejects(createConnection({ ...isDb, ...to, password: "guess" }), denied);
    const isOther = mysql2Options(source, { authorize: id("spiffe://test.example/other") });
    await assert.rejects(createConnection({ ...isOther, ...to }), { code: "ERR_PEER_NOT_VERIFIED" });
    const changed = await createConnection({ ...isDb, ...to });
    await changed.changeUser({ user: "app", password: "secret" });
    await changed.ping();
    await changed.end();
  });
});
