/** What is expected whichever way agents hear of changes: pushed, or polled. */
import assert from "node:assert/strict";
import { type ServerOptions, System } from "../../env/system.ts";
import { Watch } from "../../env/watch.ts";

export async function entriesReachWorkloads(options: ServerOptions = {}): Promise<void> {
  await using system = await System.start(options);
  const agent = await system.startAgent();
  await using watch = new Watch(agent.socket);

  const refusal = await watch.untilProblem((problem) => problem.code === "ERR_WORKLOAD_API_DENIED");
  assert.equal(refusal.message, "no identity issued");
  assert.equal(refusal.reason, "ERR_NO_IDENTITY");
  assert.match(refusal.fix ?? "", /entry/);

  const web = await system.createEntry(agent, { path: "/web", flags: ["--wait", "--x509-ttl", "600"] });
  const first = await watch.until(({ svids }) => svids[0].id.path === "/web");
  assert.equal(first.svids.length, 1);
  assert.equal(first.svids[0].chain.length >= 1, true);
  const lifeMs = first.svids[0].notAfter - first.svids[0].leaf.notBefore;
  assert.ok(lifeMs <= 611_000 && lifeMs >= 599_000, `lives ${lifeMs} ms`);

  await system.cli("entry", "update", web, "--dns", "web.internal", "--dns", "www.internal", "--wait");
  const renamed = await watch.until(({ svids }) => svids[0].leaf.dnsSans.length === 2);
  assert.deepEqual(renamed.svids[0].leaf.dnsSans, ["web.internal", "www.internal"]);
  assert.notEqual(renamed.svids[0].leaf.serialNumber, first.svids[0].leaf.serialNumber);

  await system.cli("entry", "update", web, "--hint", "internal", "--wait");
  const second = await system.createEntry(agent, { path: "/web-public", flags: ["--hint", "external", "--wait"] });
  const both = await watch.until(({ svids }) => svids.length === 2);
  assert.deepEqual(
    both.svids.map(({ id, hint }) => `${id.path} ${hint}`),
    ["/web internal", "/web-public external"],
  );

  await system.cli("entry", "delete", second);
  await watch.until(({ svids }) => svids.length === 1, 15_000, watch.updates.length - 1);
  const problemsBefore = watch.problems.length;
  await system.cli("entry", "delete", web);
  await watch.untilProblem(
    (problem) => watch.problems.indexOf(problem) >= problemsBefore && problem.code === "ERR_WORKLOAD_API_DENIED",
  );
}

export async function jwtSvidsOutliveTheServer(options: ServerOptions = {}): Promise<void> {
  await using system = await System.start(options);
  const agent = await system.startAgent();
  await system.createEntry(agent, { path: "/reports", flags: ["--wait"] });
  const api = (...args: readonly string[]): ReturnType<System["tryAgentCli"]> => system.tryAgentCli(agent, ...args);
  const fetched = await api("api", "fetch", "jwt", "--audience", "billing", "--output", "json");
  assert.equal(fetched.code, 0, fetched.stderr);
  const [svid] = JSON.parse(fetched.stdout)[0].svids;
  assert.equal(svid.spiffe_id, "spiffe://test.example/reports");
  const good = await api("api", "validate", "jwt", "--audience", "billing", "--svid", svid.svid, "--output", "json");
  assert.equal(good.code, 0, good.stderr);
  assert.equal(JSON.parse(good.stdout).claims.sub, "spiffe://test.example/reports");
  const wrongAudience = await api("api", "validate", "jwt", "--audience", "other", "--svid", svid.svid);
  assert.equal(wrongAudience.code, 1);
  const [header, payload, signature = ""] = svid.svid.split(".");
  const flipped = `${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
  const forged = await api(
    "api",
    "validate",
    "jwt",
    "--audience",
    "billing",
    "--svid",
    `${header}.${payload}.${flipped}`,
  );
  assert.equal(forged.code, 1);
  assert.doesNotMatch(forged.stderr, new RegExp(payload));
  await system.server.stop();
  const cached = await api("api", "fetch", "jwt", "--audience", "billing", "--output", "json");
  assert.equal(cached.code, 0, cached.stderr);
  assert.equal(JSON.parse(cached.stdout)[0].svids[0].svid, svid.svid);
  const fresh = await api("api", "fetch", "jwt", "--audience", "never-asked-before");
  assert.equal(fresh.code, 3);
}
