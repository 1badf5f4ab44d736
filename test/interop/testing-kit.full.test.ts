// needs: go; budget: 180
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { TestWorkloadApi } from "../../sdk/testing/index.ts";
import { type LogLine, Running } from "../env/processes.ts";

/** go-spiffe has the testing kit for its Workload API: what the kit says must be what any SPIFFE library takes. */
describe("go-spiffe on the testing kit", () => {
  const folder = mkdtempSync(join(tmpdir(), "kit-go-"));
  const program = join(folder, "workload");
  const started: Running[] = [];

  before(() => {
    execFileSync("go", ["build", "-o", program, "."], {
      cwd: fileURLToPath(new URL("go", import.meta.url)),
      env: { ...process.env, CGO_ENABLED: "0" },
    });
  });
  after(async () => {
    await Promise.all(started.map((running) => running.stop(1_000)));
    rmSync(folder, { recursive: true });
  });

  function start(api: TestWorkloadApi, command: string, ...flags: readonly string[]): Running {
    const running = new Running(program, [command, "--socket", api.endpoint, ...flags]);
    started.push(running);
    return running;
  }

  async function events(running: Running): Promise<readonly LogLine[]> {
    assert.equal(await running.ended, 0, running.tail());
    return running.log;
  }

  const of = (log: readonly LogLine[], event: string): readonly LogLine[] =>
    log.filter((line) => line["event"] === event);

  for (const listen of ["unix", "tcp"] as const) {
    it(`uses every call, over ${listen}, and watches rotations, of authorities too`, async () => {
      await using other = await TestWorkloadApi.start({ trustDomain: "two.test" });
      await using api = await TestWorkloadApi.start({
        trustDomain: "one.test",
        svids: [{ path: "/web", hint: "internal" }, "/web-too"],
        federatesWith: [other],
        listen,
      });
      const running = start(api, "fetch", "--rotations", "3", "--audience", "reports");
      const turns = [
        () => api.rotate(),
        () => api.issuer.taintAuthority("x509"),
        () => api.issuer.revokeAuthority("x509"),
      ];
      for (const [index, turn] of turns.entries()) {
        await running.waitFor(() => of(running.log, "rotation").length > index);
        turn();
      }
      const log = await events(running);
      assert.deepEqual(
        of(log, "x509").map(({ id, hint, default: isDefault }) => [id, hint, isDefault]),
        [
          ["spiffe://one.test/web", "internal", true],
          ["spiffe://one.test/web-too", "", false],
        ],
      );
      const domains = (event: string): readonly unknown[] =>
        of(log, event)
          .map((line) => line["trust_domain"])
          .sort();
      assert.deepEqual(domains("x509_bundle"), ["one.test", "two.test"]);
      assert.deepEqual(domains("jwt_bundle"), ["one.test", "two.test"]);
      assert.equal(of(log, "jwt").length, 2);
      assert.equal(of(log, "wrong_audience_refused").length, 1);
      assert.deepEqual(of(log, "watched"), [{ event: "watched", serials: 4 }]);
    });
  }

  it("does mutual TLS between two trust domains while they are federated, and not otherwise", async () => {
    await using shop = await TestWorkloadApi.start({ trustDomain: "shop.test", svids: ["/web"] });
    await using bank = await TestWorkloadApi.start({ trustDomain: "bank.test", svids: ["/pay"] });
    for (const isFederated of [false, true]) {
      if (isFederated) {
        shop.federate(bank);
        bank.federate(shop);
      }
      const server = start(bank, "serve", "--peer", "spiffe://shop.test/web", "--requests", "1");
      const { address } = await server.waitFor((line) => line["event"] === "listening");
      const client = start(shop, "call", "--address", String(address), "--peer", "spiffe://bank.test/pay");
      assert.equal((await client.ended) === 0, isFederated, client.tail());
      await server.stop(1_000);
      const greetings = of(client.log, "called").map(({ greeting }) => greeting);
      assert.deepEqual(greetings, isFederated ? ["hello spiffe://shop.test/web"] : []);
    }
  });

  it("is refused as by an agent", async () => {
    await using api = await TestWorkloadApi.start({ svids: [] });
    const log = await events(start(api, "refused"));
    assert.deepEqual(of(log, "refused"), [
      { event: "refused", code: "PermissionDenied", message: "no identity issued" },
    ]);
  });
});
