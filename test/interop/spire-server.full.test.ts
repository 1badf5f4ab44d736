// needs: go; budget: 300
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { parseJwtSvid } from "../../spiffe/index.ts";
import { countersign, isReady, type LogLine, Running, startCountersign } from "../env/processes.ts";
import { Watch } from "../env/watch.ts";

const web = "12ec5d60-cfa4-446b-b787-8c283d599465";
const source = fileURLToPath(new URL("spire-server", import.meta.url));

/** One SPIRE server (our program on SPIRE's API definitions, with recorded answers) and one agent of ours. */
class Stand implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "p-"));
  readonly server: Running;
  #agent: Running | undefined;

  constructor(program: string, connectionAge: string) {
    this.server = new Running(program, [join(source, "recorded"), connectionAge]);
  }

  get socket(): string {
    return join(this.folder, "api.sock");
  }

  get agent(): Running {
    if (this.#agent === undefined) throw new Error("the agent is not running");
    return this.#agent;
  }

  async startAgent(token = "the-token"): Promise<void> {
    const { address, bundle } = await this.server.waitFor(({ event }) => event === "ready");
    writeFileSync(join(this.folder, "bundle.pem"), String(bundle));
    writeFileSync(join(this.folder, "agent.yaml"), "sync_interval: 1s\n");
    this.#agent = startCountersign([
      ...["agent", "run", "--config", join(this.folder, "agent.yaml"), "--trust-domain", "test.example"],
      ...["--server", String(address), "--data-dir", join(this.folder, "data"), "--socket", this.socket],
      ...["--join-token", token, "--bundle", join(this.folder, "bundle.pem")],
    ]);
    await Promise.race([this.#agent.waitFor(isReady, 20_000), this.#agent.ended]);
  }

  /** Has the server do something and waits for it. */
  async tell(command: Readonly<Record<string, unknown>>): Promise<void> {
    const from = this.server.lines.length;
    this.server.child.stdin?.write(`${JSON.stringify(command)}\n`);
    await this.server.waitFor(({ event, do: what }) => event === "done" && what === command["do"], 10_000, from);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.stop(3_000);
    await this.server.stop(1_000);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

describe("our agent under a SPIRE server", () => {
  const folder = mkdtempSync(join(tmpdir(), "p-"));
  const program = join(folder, "spire-server");
  let stand: Stand;
  const seen = (event: string): readonly LogLine[] => stand.server.log.filter((line) => line["event"] === event);

  before(() => {
    execFileSync("go", ["build", "-o", program, "."], { cwd: source, env: { ...process.env, CGO_ENABLED: "0" } });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("serves what recorded entries say, and follows changes, quirks included", async () => {
    stand = new Stand(program, "3m");
    await using _stand = stand;
    await stand.tell({ do: "give", id: web, count: process.getuid?.() ?? 0 });
    await stand.startAgent();
    await using watch = new Watch(stand.socket);
    const first = await watch.until(({ svids }) => svids[0].id.path === "/web");
    assert.equal(first.svids[0].hint, "main");
    assert.deepEqual(first.svids[0].leaf.dnsSans, ["web.test"]);
    await stand.server.waitFor(({ event }) => event === "status");

    const token = await countersign([
      ...["api", "fetch", "jwt", "--audience", "reports", "--socket", stand.socket, "--output", "json"],
    ]);
    assert.equal(token.code, 0, token.stderr);
    assert.equal(parseJwtSvid(JSON.parse(token.stdout)[0].svids[0].svid).id.path, "/web");

    await stand.tell({ do: "rename", id: web, path: "/renamed" });
    await watch.until(({ svids }) => svids[0].id.path === "/renamed");

    await stand.tell({ do: "entries", count: 1100 });
    await stand.server.waitFor(({ event, ids }) => event === "asked" && Number(ids) === 500);
    await stand.server.waitFor(({ event, ids }) => event === "asked" && Number(ids) === 100);
    await stand.tell({ do: "federate", id: web });
    const federated = await watch.until(({ bundles }) => [...bundles].length === 2);
    assert.deepEqual([...federated.bundles].map(({ trustDomain }) => trustDomain.name).sort(), [
      "good.test",
      "test.example",
    ]);

    const serial = watch.updates.at(-1)?.svids[0].leaf.serialNumber;
    const issuer = watch.updates.at(-1)?.svids[0].leaf.authorityKeyId;
    await stand.tell({ do: "taint" });
    await watch.until(({ svids }) => svids[0].leaf.authorityKeyId !== issuer);
    await stand.server.waitFor(({ event }) => event === "promoted");
    assert.notEqual(watch.updates.at(-1)?.svids[0].leaf.serialNumber, serial);
    await stand.tell({ do: "revoke" });

    const before = watch.updates.length;
    await stand.tell({ do: "spoil", id: web });
    await stand.tell({ do: "exhaust", count: 2 });
    await stand.server.waitFor(({ event }) => event === "exhausted");
    await stand.tell({ do: "rename", id: "many-0001", path: "/many/other" });
    await stand.server.waitFor(({ event, ids }) => event === "asked" && Number(ids) <= 2, 20_000);
    assert.equal(
      watch.updates.slice(before).every(({ svids }) => svids[0].id.path === "/renamed"),
      true,
    );
    assert.deepEqual(watch.problems, []);
    assert.ok(seen("batch").every(({ size }) => Number(size) <= 500));
  });

  it("moves before its connection is closed for its age, renews in two phases, and obeys a ban", async () => {
    stand = new Stand(program, "2s");
    await using _stand = stand;
    await stand.tell({ do: "shorten", count: 6 });
    await stand.startAgent();
    const renewals = async (count: number): Promise<void> => {
      let from = 0;
      for (let left = count; left > 0; left -= 1) {
        await stand.server.waitFor(({ event }) => event === "promoted", 20_000, from);
        from = stand.server.log.findLastIndex(({ event }) => event === "promoted") + 1;
      }
    };
    await renewals(3);
    const lost = stand.agent.log.filter(({ message }) => message === "connection to the server lost");
    assert.deepEqual(lost, []);
    await stand.tell({ do: "ban" });
    assert.equal(await stand.agent.ended, 5);
    assert.match(stand.agent.tail(), /ERR_AGENT_BANNED/);
  });

  it("stops for good when its token is refused", async () => {
    stand = new Stand(program, "3m");
    await using _stand = stand;
    await stand.startAgent("another-token");
    assert.equal(await stand.agent.ended, 5);
    assert.match(stand.agent.tail(), /join token does not exist or has already been used/);
    assert.deepEqual(seen("attested"), []);
  });
});
