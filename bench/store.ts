/**
 * What the store and the registry cost beside raw better-sqlite3: `node bench/store.ts [entries] [directory]`. CPU is
 * of the whole process (all threads), which is steadier than wall time on a shared machine; disks differ a lot, so
 * rates are given as ratios to raw inserts of the same rows on the same disk.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { silentLogger, systemClock, systemRandom, uuidV7 } from "../runtime/core/index.ts";
import { MemoryRegistry } from "../server/registry/memory-registry.ts";
import type { NewEntry } from "../server/store/ports.ts";
import { encodeEntry } from "../server/store/sqlite/codec/entry.ts";
import { openSqliteStore } from "../server/store/sqlite/open.ts";
import { Selector, SpiffeId, TrustDomain } from "../spiffe/index.ts";

const count = Number(process.argv[2] ?? 20_000);
const directory = mkdtempSync(join(process.argv[3] ?? tmpdir(), "countersign-bench-"));
const trustDomain = TrustDomain.parse("bench.test");
const options = { trustDomain, clock: systemClock, random: systemRandom, logger: silentLogger };
const agents = Array.from({ length: 1_000 }, (_, index) => {
  return SpiffeId.of(trustDomain, `/spire/agent/join_token/${index}`);
});
const batchSize = 50;

function makeEntry(index: number): NewEntry {
  return {
    id: uuidV7(systemClock.now(), systemRandom),
    spiffeId: SpiffeId.of(trustDomain, `/ns/default/sa/workload-${index}`),
    parentId: agents[index % agents.length] ?? SpiffeId.of(trustDomain, "/none"),
    selectors: [Selector.of("k8s", "ns:default"), Selector.of("k8s", `sa:workload-${index}`)],
    ...{ x509SvidTtl: 0, jwtSvidTtl: 0, federatesWith: [], admin: false, downstream: false, expiresAt: 0 },
    ...{ dnsNames: [], storeSvid: false, hint: "", additionalAttributes: undefined },
  };
}

const batches = Array.from({ length: Math.ceil(count / batchSize) }, (_, batch) => {
  return Array.from({ length: batchSize }, (_, index) => makeEntry(batch * batchSize + index));
});

interface Figure {
  readonly perSecond: number;
  readonly cpuUs: number;
}

async function measure(operations: number, work: () => Promise<void> | void): Promise<Figure> {
  const cpu = process.cpuUsage();
  const start = systemClock.monotonic();
  await work();
  const used = process.cpuUsage(cpu);
  const elapsedMs = systemClock.monotonic() - start;
  return { perSecond: (operations / elapsedMs) * 1000, cpuUs: (used.user + used.system) / operations };
}

/** One table, one row an entry, a unique id, a transaction a batch: what no store on SQLite can be cheaper than. */
function rawInserts(): Promise<Figure> {
  const db = new Database(join(directory, "raw.db"));
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  const columns = Array.from({ length: 15 }, (_, index) => `c${index}`);
  db.exec(`CREATE TABLE raw (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ${columns.join(", ")})`);
  const insert = db.prepare(
    `INSERT INTO raw (id, ${columns.join(", ")}) VALUES (?, ${columns.map(() => "?").join(", ")})`,
  );
  const rows = batches.map((batch) => batch.map((entry) => encodeEntry(entry, 1)));
  const insertBatch = db.transaction((batch: (typeof rows)[number]) => {
    for (const row of batch) insert.run(...row);
  });
  return measure(count, () => {
    for (const batch of rows) insertBatch(batch);
    db.close();
  });
}

async function storeCreates(callers: number, name: string): Promise<Figure> {
  await using store = await openSqliteStore({ ...options, directory: join(directory, name) });
  await using registry = await MemoryRegistry.load({ ...options, feed: store });
  const figure = await measure(count, async () => {
    let next = 0;
    const caller = async (): Promise<void> => {
      for (let batch = batches[next++]; batch !== undefined; batch = batches[next++])
        await store.createEntries(batch, 1);
    };
    await Promise.all(Array.from({ length: callers }, caller));
  });
  if (registry.entryCount < count) throw new Error("the registry did not follow");
  return figure;
}

function report(name: string, figure: Figure, raw: Figure): void {
  const rate = `${figure.perSecond.toFixed(0)}/s (${(figure.perSecond / raw.perSecond).toFixed(2)} of raw)`;
  const cpu = `${figure.cpuUs.toFixed(1)} µs CPU (${(figure.cpuUs / raw.cpuUs).toFixed(2)} × raw)`;
  console.log(`${name.padEnd(46)} ${rate.padEnd(30)} ${cpu}`);
}

try {
  const raw = await rawInserts();
  report(`raw inserts, ${batchSize} a transaction`, raw, raw);
  report(`createEntries, ${batchSize} each, 1 caller, with registry`, await storeCreates(1, "one"), raw);
  report(`createEntries, ${batchSize} each, 4 callers, with registry`, await storeCreates(4, "four"), raw);

  const before = process.memoryUsage().rss;
  await using store = await openSqliteStore({ ...options, directory: join(directory, "four") });
  let registry: MemoryRegistry | undefined;
  const load = await measure(count, async () => {
    registry = await MemoryRegistry.load({ ...options, feed: store });
  });
  const megabytes = (process.memoryUsage().rss - before) / 1e6;
  report("loading the registry", load, raw);
  console.log(`${registry?.entryCount} entries loaded, ${megabytes.toFixed(0)} MB more resident`);

  const followers = registry;
  if (followers !== undefined) {
    let told = 0;
    const listener = (): void => {
      told += 1;
    };
    for (const agent of agents) followers.watch(agent, listener);
    const changes = 2_000;
    const change = await measure(changes, async () => {
      const updates = Array.from({ length: changes }, (_, index) => {
        return { id: batches[index % batches.length]?.[0]?.id ?? "", change: { hint: String(index) } };
      });
      for (const update of updates) await store.updateEntries([update]);
    });
    report("one change, 1,000 agents watching", change, raw);
    console.log(`${told} deltas`);
    await followers[Symbol.asyncDispose]();
  }
} finally {
  rmSync(directory, { recursive: true });
}
