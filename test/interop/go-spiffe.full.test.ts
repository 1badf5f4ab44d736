// needs: go; budget: 300
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { workloadApiService } from "../../proto/services.ts";
import { type LogLine, Running } from "../env/processes.ts";
import { type AgentHandle, System } from "../env/system.ts";

/** go-spiffe against a real server and a real agent; test/interop/go is the workload. */
describe("a workload on go-spiffe", () => {
  let system: System;
  let agent: AgentHandle;
  const started: Running[] = [];
  const program = (name: string): string => join(system.folder, name);
  const idOf = (path: string): string => `spiffe://${system.trustDomain}${path}`;

  before(async () => {
    system = await System.start();
    agent = await system.startAgent();
    execFileSync("go", ["build", "-o", program("web"), "."], {
      cwd: fileURLToPath(new URL("go", import.meta.url)),
      env: { ...process.env, CGO_ENABLED: "0" },
    });
    // One program under three paths: unix:path tells them apart.
    for (const name of ["caller", "stranger"]) copyFileSync(program("web"), program(name));
    for (const name of ["web", "caller", "stranger"]) chmodSync(program(name), 0o755);
    const ttl = ["--x509-ttl", "8"];
    const web = [`unix:path:${program("web")}`];
    await system.createEntry(agent, { path: "/web", selectors: web, flags: [...ttl, "--hint", "internal"] });
    await system.createEntry(agent, { path: "/web-too", selectors: web, flags: ttl });
    const caller = [`unix:path:${program("caller")}`, `unix:uid:${process.geteuid?.()}`];
    await system.createEntry(agent, { path: "/caller", selectors: caller, flags: [...ttl, "--wait"] });
  });
  after(async () => {
    await Promise.all(started.map((running) => running.stop(1_000)));
    await system[Symbol.asyncDispose]();
  });

  function start(name: string, ...args: readonly string[]): Running {
    const [command = "", ...flags] = args;
    const running = new Running(program(name), [command, "--socket", `unix://${agent.socket}`, ...flags]);
    started.push(running);
    return running;
  }

  async function events(running: Running): Promise<readonly LogLine[]> {
    assert.equal(await running.ended, 0, running.tail());
    return running.log;
  }

  const of = (log: readonly LogLine[], event: string): readonly LogLine[] =>
    log.filter((line) => line["event"] === event);

  it("fetches all its SVIDs and bundles, validates tokens here and there, and watches three rotations", async () => {
    const log = await events(start("web", "fetch", "--rotations", "3", "--audience", "reports"));
    assert.deepEqual(of(log, "x509"), [
      { event: "x509", id: idOf("/web"), hint: "internal", default: true },
      { event: "x509", id: idOf("/web-too"), hint: "", default: false },
    ]);
    assert.deepEqual(
      of(log, "x509_bundle").map((line) => line["trust_domain"]),
      [system.trustDomain],
    );
    assert.deepEqual(
      of(log, "jwt_bundle").map((line) => line["trust_domain"]),
      [system.trustDomain],
    );
    assert.deepEqual(
      of(log, "jwt").map((line) => [line["id"], line["audience"]]),
      [
        [idOf("/web"), ["reports", "second"]],
        [idOf("/web-too"), ["reports", "second"]],
      ],
    );
    assert.deepEqual(of(log, "jwt_of_subject"), [{ event: "jwt_of_subject", id: idOf("/web-too") }]);
    assert.equal(of(log, "wrong_audience_refused").length, 1);
    assert.deepEqual(of(log, "watched"), [{ event: "watched", serials: 4 }]);
    assert.deepEqual(of(log, "watch_error"), []);
  });

  it("does mutual TLS with another, each sure of the other's SPIFFE ID", async () => {
    const server = start("web", "serve", "--peer", idOf("/caller"), "--requests", "3");
    const { address } = await server.waitFor((line) => line["event"] === "listening");
    const client = start("caller", "call", "--address", String(address), "--peer", idOf("/web"), "--requests", "3");
    const called = of(await events(client), "called");
    assert.equal(called.length, 3);
    for (const { greeting } of called) assert.equal(greeting, `hello ${idOf("/caller")}`);
    assert.equal(of(await events(server), "served").length, 3);
  });

  it("refuses a peer of another SPIFFE ID, on either side", async () => {
    const server = start("web", "serve", "--peer", idOf("/somebody-else"), "--requests", "1");
    const { address } = await server.waitFor((line) => line["event"] === "listening");
    const client = start("caller", "call", "--address", String(address), "--peer", idOf("/web"));
    assert.notEqual(await client.ended, 0);
    assert.equal(of(await events(server), "refused_peer").length, 1);

    const other = start("web", "serve", "--peer", idOf("/caller"), "--requests", "1");
    const where = await other.waitFor((line) => line["event"] === "listening");
    const picky = start("caller", "call", "--address", String(where["address"]), "--peer", idOf("/somebody-else"));
    assert.notEqual(await picky.ended, 0);
    assert.equal(of(await events(other), "served").length, 0);
  });

  it("finds out by reflection, without an entry, what the socket serves", async () => {
    const log = await events(start("stranger", "reflect"));
    const reflection = ["ServerReflectionInfo"];
    assert.deepEqual(
      of(log, "service").map(({ name, methods }) => [name, methods]),
      [
        ["SpiffeWorkloadAPI", Object.keys(workloadApiService).sort()],
        ["grpc.health.v1.Health", ["Check", "Watch"]],
        ["grpc.reflection.v1.ServerReflection", reflection],
        ["grpc.reflection.v1alpha.ServerReflection", reflection],
      ],
    );
  });

  it("is refused without an entry, with the status and text that its authors expect", async () => {
    const log = await events(start("stranger", "refused"));
    assert.deepEqual(of(log, "refused"), [
      { event: "refused", code: "PermissionDenied", message: "no identity issued" },
    ]);
  });
});
