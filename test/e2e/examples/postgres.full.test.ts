// needs: root, postgres; budget: 180
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, chownSync, globSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { freePort, startExample } from "../../env/examples.ts";
import { type Running, startCountersign } from "../../env/processes.ts";
import { type AgentHandle, System } from "../../env/system.ts";

const [binary = ""] = globSync("/usr/lib/postgresql/*/bin/postgres").sort().reverse();
const bin = dirname(binary);
const idOf = (flag: string): number => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));

class Postgres implements AsyncDisposable {
  readonly port: number;
  readonly #running: Running;

  private constructor(port: number, running: Running) {
    this.port = port;
    this.#running = running;
  }

  /** As docs and examples/pg say: the bridge around the server, as the server's user. */
  static async start(system: System, agent: AgentHandle): Promise<Postgres> {
    const user = { uid: idOf("-u"), gid: idOf("-g") };
    const folder = join(system.folder, "postgres");
    const files = join(folder, "identity");
    const data = join(folder, "data");
    for (const made of [folder, files, data]) {
      mkdirSync(made, { mode: 0o700 });
      chownSync(made, user.uid, user.gid);
    }
    execFileSync(join(bin, "initdb"), ["-D", data, "--no-sync", "-A", "trust"], { ...user, cwd: folder });
    const port = await freePort();
    appendFileSync(
      join(data, "postgresql.conf"),
      [
        ...[`port = ${port}`, "listen_addresses = '127.0.0.1'", `unix_socket_directories = '${folder}'`, "fsync = off"],
        ...["ssl = on", "ssl_min_protocol_version = 'TLSv1.3'", `ssl_cert_file = '${files}/svid.pem'`],
        ...[`ssl_key_file = '${files}/svid_key.pem'`, `ssl_ca_file = '${files}/svid_bundle.pem'`],
      ].join("\n"),
    );
    writeFileSync(join(data, "pg_hba.conf"), "local all all trust\nhostssl shop all all cert\n");
    const bridge = ["agent", "write-files", "--dir", files, "--socket", agent.socket, "--renew-signal", "SIGHUP"];
    const running = startCountersign([...bridge, "--", binary, "-D", data], { ...user, cwd: folder });
    await running.waitFor(({ text }) => String(text).includes("ready to accept connections"));
    for (const name of ["shop", "nobody"])
      execFileSync(join(bin, "createuser"), ["-h", folder, "-p", `${port}`, name], user);
    execFileSync(join(bin, "createdb"), ["-h", folder, "-p", `${port}`, "shop"], user);
    return new Postgres(port, running);
  }

  tail(): string {
    return this.#running.tail();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running.stop();
  }
}

describe("pg against PostgreSQL with client certificates", () => {
  it("goes on through rotations on both sides, without a password", async () => {
    await using system = await System.start({
      settings: { ca_ttl: "24s", default_x509_svid_ttl: "6s", agent_ttl: "24s" },
    });
    const agent = await system.startAgent();
    const shop = ["--dns", "shop", "--wait"];
    await system.createEntry(agent, { path: "/db", selectors: [`unix:uid:${idOf("-u")}`], flags: ["--wait"] });
    await system.createEntry(agent, { path: "/shop", selectors: ["unix:uid:0"], flags: shop });
    await system.createEntry(agent, { path: "/visitor", selectors: ["unix:uid:65534"], flags: ["--wait"] });
    await using postgres = await Postgres.start(system, agent);
    const environment = {
      PGHOST: "127.0.0.1",
      PGPORT: String(postgres.port),
      SERVER_ID: "spiffe://test.example/db",
      LIFETIME: "1",
    };
    await using app = startExample("pg/app.ts", agent, { environment });
    const certificates = new Set<string>();
    await app.waitFor(({ text }) => {
      const [, serial] = /^I am shop over TLSv1.3 with certificate (\d+)$/.exec(String(text)) ?? [];
      assert.ok(serial !== undefined, `${text}\n${postgres.tail()}`);
      certificates.add(serial);
      return certificates.size >= 4;
    }, 60_000);

    // The server is not the one: it is told nothing.
    const other = { ...environment, SERVER_ID: "spiffe://test.example/other" };
    await using wrong = startExample("pg/app.ts", agent, { environment: other });
    assert.equal(await wrong.ended, 1);
    assert.match(wrong.stderr, /ERR_PEER_NOT_VERIFIED/);

    // The client is not the one: PostgreSQL lets nobody in whose certificate says another name.
    await using stranger = startExample("pg/app.ts", agent, { environment, uid: 65_534, gid: 65_534 });
    assert.equal(await stranger.ended, 1);
    assert.match(stranger.stderr, /certificate authentication failed for user "shop"/);
  });
});
