import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { buildCsr, Certificate } from "../../certs/index.ts";
import { silentLogger, systemRandom } from "../../runtime/core/index.ts";
import { verifyX509Svid } from "../../spiffe/index.ts";
import { AuthorityWorld, hour, testTrustDomain } from "../../test/fakes/authority-world.ts";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import type { Authorities } from "../authority/authorities.ts";
import { inlineRunner } from "./job-runner.ts";
import { issuanceLimits } from "./limits.ts";
import type { SigningContext, SvidItem, SvidResult } from "./svid-job.ts";
import { WorkerPool } from "./worker-pool.ts";

const world = new AuthorityWorld();
const authorities = await world.start();
const csrDer = buildCsr({ key: generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey });

function contextOf(key: KeyObject | undefined = authorities.x509Issuer().localKey): SigningContext {
  return { issuer: authorities.x509Issuer().info, key, blockedKeys: new Set() };
}

function item(name: string): SvidItem {
  return {
    csrDer,
    uri: `spiffe://example.org/${name}`,
    dnsNames: name.endsWith("7") ? ["seven.example", "again.example"] : [],
    serial: systemRandom.bytes(16),
    notBefore: world.nowSeconds,
    notAfter: world.nowSeconds + hour,
  };
}

const items = (count: number): readonly SvidItem[] => Array.from({ length: count }, (_, index) => item(`w${index}`));

function open(workers: number, entry?: URL): { readonly pool: WorkerPool; readonly clock: FakeClock } {
  const clock = new FakeClock();
  const options = { workers, clock, random: systemRandom, logger: silentLogger };
  return { pool: new WorkerPool(entry === undefined ? options : { ...options, entry }), clock };
}

/** Starting a worker is the dear part: what needs no worker of its own shares these. */
const shared = open(2).pool;
after(() => shared.close());

const directory = await mkdtemp(join(tmpdir(), "countersign-pool-"));
after(() => rm(directory, { recursive: true, force: true }));

/** A worker program that misbehaves. */
async function program(name: string, text: string): Promise<URL> {
  const path = join(directory, `${name}.mjs`);
  await writeFile(path, `import { parentPort } from "node:worker_threads";\n${text}`);
  return pathToFileURL(path);
}

function assertValid(result: SvidResult, issuer: Authorities | undefined): void {
  assert.ok(result.kind === "signed");
  const bundle = issuer?.bundle;
  verifyX509Svid({ chain: [result.der], bundles: { get: () => bundle }, atMs: world.clock.now(), usage: "any" });
}

describe("WorkerPool", () => {
  for (const count of [1, 2, 15, 16, 17, 33, 100]) {
    it(`does ${count} in order, the same as inline`, async () => {
      const context = contextOf();
      const asked = items(count);
      const results = await shared.run(context, asked);
      assert.equal(results.length, count);
      const inline = await inlineRunner.run(context, asked);
      for (const [index, result] of results.entries()) {
        assert.ok(result.kind === "signed");
        const certificate = Certificate.parse(result.der);
        assert.equal(certificate.uriSans[0], asked[index]?.uri);
        assert.equal(certificate.serialNumber, result.serialNumber);
        assertValid(result, authorities);
        const twin = inline[index];
        assert.ok(twin?.kind === "signed");
        assert.deepEqual(certificate.tbsDer, Certificate.parse(twin.der).tbsDer);
      }
    });
  }

  it("serves many callers at once, each with its own results", async () => {
    const context = contextOf();
    const calls = Array.from({ length: 40 }, (_, call) =>
      shared.run(
        context,
        Array.from({ length: 1 + (call % 20) }, (_, index) => item(`c${call}-${index}`)),
      ),
    );
    for (const [call, results] of (await Promise.all(calls)).entries()) {
      assert.equal(results.length, 1 + (call % 20));
      for (const [index, result] of results.entries()) {
        assert.ok(result.kind === "signed");
        assert.equal(Certificate.parse(result.der).uriSans[0], `spiffe://example.org/c${call}-${index}`);
      }
    }
    assert.equal(shared.queued, 0);
  });

  it("uses the key it is given from then on", async () => {
    const second = await new AuthorityWorld(5).start();
    const contexts = [
      { context: contextOf(), of: authorities },
      { context: { ...contextOf(second.x509Issuer().localKey), issuer: second.x509Issuer().info }, of: second },
    ];
    const runs = Array.from({ length: 20 }, (_, index) => contexts[index % 2]).flatMap((each) => each ?? []);
    const all = await Promise.all(runs.map(({ context }) => shared.run(context, items(5))));
    for (const [index, results] of all.entries()) {
      for (const result of results) assertValid(result, runs[index]?.of);
    }
  });

  it("returns refusals and unsigned bytes as they are", async () => {
    const context = { ...contextOf(), key: undefined };
    const bad = { ...item("bad"), csrDer: Buffer.from("rubbish") };
    const [first, second] = await shared.run(context, [item("a"), bad]);
    assert.equal(first?.kind, "unsigned");
    assert.equal(second?.kind === "refused" && second.code, "ERR_CSR_MALFORMED");
  });

  it("does not let a large batch hold up a single request", async () => {
    const context = contextOf();
    const large = shared.run(context, items(600));
    const single = await shared.run(context, items(1));
    assert.equal(single[0]?.kind, "signed");
    assert.ok(shared.queued > 300, `only ${shared.queued} of the batch were left`);
    assert.equal((await large).length, 600);
  });

  it("fails what was in work when a worker dies, and goes on with another", async () => {
    // Answers the first job of its life by dying; the file beside it remembers that there was a life before.
    const marker = join(directory, "lived");
    const real = new URL("./worker.ts", import.meta.url).href;
    const entry = await program(
      "dies-once",
      `import { existsSync, writeFileSync } from "node:fs";
       if (existsSync(${JSON.stringify(marker)})) await import(${JSON.stringify(real)});
       else parentPort.on("message", (message) => {
         if (message.kind !== "job") return;
         writeFileSync(${JSON.stringify(marker)}, "");
         process.exit(1);
       });`,
    );
    const { pool } = open(1, entry);
    try {
      await assert.rejects(pool.run(contextOf(), items(3)), { code: "ERR_ISSUANCE_UNAVAILABLE" });
      const results = await pool.run(contextOf(), items(3));
      assert.deepEqual(
        results.map(({ kind }) => kind),
        ["signed", "signed", "signed"],
      );
    } finally {
      await pool.close();
    }
  });

  it("waits longer and longer before it starts a worker that always dies, and refuses meanwhile", async () => {
    const { pool, clock } = open(1, await program("dies-always", "throw new Error('cannot start');"));
    try {
      await assert.rejects(pool.run(contextOf(), items(1)), { code: "ERR_ISSUANCE_UNAVAILABLE" });
      while (clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
      await assert.rejects(pool.run(contextOf(), items(1)), { code: "ERR_ISSUANCE_UNAVAILABLE" });
      await clock.advance(10_000);
      await assert.rejects(pool.run(contextOf(), items(1)), { code: "ERR_ISSUANCE_UNAVAILABLE" });
    } finally {
      await pool.close();
    }
  });

  it("bounds what waits", async () => {
    const { pool } = open(1, await program("silent", "parentPort.on('message', () => {});"));
    const context = contextOf();
    const one = item("w");
    const most = pool.run(context, new Array(issuanceLimits.queuedItems.value).fill(one));
    const closing = assert.rejects(most, { code: "ERR_ISSUANCE_UNAVAILABLE" });
    const room = issuanceLimits.chunkItems.value * issuanceLimits.chunksPerWorker.value;
    const rest = pool.run(context, new Array(room).fill(one));
    const alsoClosing = assert.rejects(rest, { code: "ERR_ISSUANCE_UNAVAILABLE" });
    await assert.rejects(pool.run(context, [one]), /too many/);
    await pool.close();
    await closing;
    await alsoClosing;
    await assert.rejects(pool.run(context, [one]), { code: "ERR_ISSUANCE_UNAVAILABLE" });
  });

  it("answers an empty run without a worker", async () => {
    const { pool } = open(1);
    assert.deepEqual(await pool.run(contextOf(), []), []);
    await pool.close();
  });

  it("is what the pipeline uses", async () => {
    const { pool } = open(2);
    const issuance = world.issuance(authorities, {}, pool);
    const { chain } = await issuance.issueServerSvid();
    assert.equal(
      Certificate.parse(chain[0] ?? new Uint8Array()).uriSans[0],
      `${testTrustDomain.idString}/spire/server`,
    );
    await issuance.close();
    await assert.rejects(issuance.issueServerSvid(), { code: "ERR_ISSUANCE_UNAVAILABLE" });
  });
});
