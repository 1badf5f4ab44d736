/**
 * What the issuance pipeline costs beside the raw primitives: `node bench/issuance.ts [seconds per figure]`. CPU is of
 * the whole process (all threads), which is steadier than wall time on a shared machine.
 */
import { generateKeyPairSync, sign, verify } from "node:crypto";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { buildCsr, CertificateRequest, decodeSpki } from "../certs/index.ts";
import { noMetrics, silentLogger, systemClock, systemRandom } from "../runtime/core/index.ts";
import { Authorities } from "../server/authority/authorities.ts";
import { selfSigned } from "../server/authority/upstream/self-signed.ts";
import { IssuancePipeline } from "../server/issuance/issuance-pipeline.ts";
import { inlineRunner, type JobRunner } from "../server/issuance/job-runner.ts";
import type { X509IssueRequest } from "../server/issuance/ports.ts";
import { WorkerPool } from "../server/issuance/worker-pool.ts";
import { MemoryKeyManager } from "../server/keymanager/memory/memory-key-manager.ts";
import { SpiffeId, TrustDomain } from "../spiffe/index.ts";
import { FakeAuthorityStore } from "../test/fakes/authority-store.ts";

const seconds = Number(process.argv[2] ?? 1);
const trustDomain = TrustDomain.parse("bench.test");
const authorities = await Authorities.start(
  {
    trustDomain,
    serverId: "bench",
    caKeyType: "ec-p256",
    caTtl: 86_400,
    caSubject: { organization: "bench" },
    jwtKeyType: "ec-p256",
  },
  {
    store: new FakeAuthorityStore(trustDomain),
    keyManager: new MemoryKeyManager(),
    upstream: selfSigned(systemClock, systemRandom),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: noMetrics,
  },
);

const keys = Array.from({ length: 64 }, () => generateKeyPairSync("ec", { namedCurve: "P-256" }));
const csrs = keys.map(({ privateKey }) => buildCsr({ key: privateKey }));
const requests: readonly X509IssueRequest[] = csrs.map((csrDer, index) => ({
  id: SpiffeId.of(trustDomain, `/ns/default/sa/workload-${index}`),
  csrDer,
  dnsNames: [],
  ttl: 0,
  notAfterCap: 0,
  hint: "",
  profile: "workload",
}));

interface Figure {
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly stallMs: number;
}

/** `callers` loops over `call`, which resolves with how many operations it did. */
async function measure(callers: number, call: () => Promise<number> | number): Promise<Figure> {
  for (let count = 0; count < 20; count += 1) await call();
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const cpu = process.cpuUsage();
  const start = performance.now();
  const end = start + seconds * 1000;
  const counts = new Array<number>(callers).fill(0);
  await Promise.all(
    counts.map(async (_zero, caller) => {
      while (performance.now() < end) {
        const done = await call();
        counts[caller] = (counts[caller] ?? 0) + done;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }),
  );
  const wallMs = performance.now() - start;
  const used = process.cpuUsage(cpu);
  delay.disable();
  const total = counts.reduce((sum, count) => sum + count, 0);
  return {
    perSecond: (total * 1000) / wallMs,
    cpuUs: (used.user + used.system) / total,
    stallMs: delay.max / 1e6,
  };
}

function print(name: string, { perSecond, cpuUs, stallMs }: Figure, rawUs?: number): void {
  const ratio = rawUs === undefined ? "" : `  ${(cpuUs / rawUs).toFixed(2)} × raw`;
  const columns = [
    name.padEnd(44),
    `${Math.round(perSecond).toLocaleString("en").padStart(8)}/s`,
    `${cpuUs.toFixed(1).padStart(7)} µs CPU`,
    `${stallMs.toFixed(1).padStart(6)} ms longest stall`,
  ];
  console.log(columns.join("  ") + ratio);
}

/** 20 at a time, so that the loop around it does not count. */
function repeated(operation: (index: number) => unknown): () => number {
  let index = 0;
  return () => {
    for (let count = 0; count < 20; count += 1) operation(index++ % keys.length);
    return 20;
  };
}

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const tbs = new Uint8Array(400);
const rawSign = await measure(
  1,
  repeated(() => sign("sha256", tbs, privateKey)),
);
const parsed = csrs.map((der) => CertificateRequest.parse(der));
const signatures = keys.map((pair) => sign("sha256", tbs, pair.privateKey));
const rawVerify = await measure(
  1,
  repeated((index) => {
    const request = parsed[index];
    const signature = signatures[index];
    if (request === undefined || signature === undefined) return;
    verify("sha256", tbs, decodeSpki(request.spkiDer), signature);
  }),
);
print("raw: sign P-256", rawSign);
print("raw: import and verify P-256", rawVerify);
const rawX509 = rawSign.cpuUs + rawVerify.cpuUs;

async function x509(name: string, runner: JobRunner): Promise<void> {
  const pipeline = new IssuancePipeline(
    {
      defaultX509SvidTtl: 3600,
      agentTtl: 3600,
      maxSvidTtl: 86_400,
      jwt: { defaultTtl: 300, issuer: "" },
      serverKeyType: "ec-p256",
    },
    { authorities, runner, clock: systemClock, random: systemRandom },
  );
  for (const [batch, callers] of [
    [1, 1],
    [1, 16],
    [50, 4],
    [500, 2],
  ] as const) {
    let next = 0;
    const figure = await measure(callers, async () => {
      const asked = Array.from({ length: batch }, () => requests[next++ % requests.length]).flatMap(
        (each) => each ?? [],
      );
      const outcomes = await pipeline.issueX509Svids(asked);
      if (outcomes.some(({ kind }) => kind !== "issued")) throw new Error("refused");
      return batch;
    });
    print(`X.509, ${name}, ${batch} × ${callers}`, figure, rawX509);
  }
  if (runner === inlineRunner) {
    const id = SpiffeId.of(trustDomain, "/ns/default/sa/workload");
    const request = { id, audience: ["db"], ttl: 0, notAfterCap: 0, hint: "", includeJti: false };
    const jwt = await measure(16, async () => {
      await pipeline.issueJwtSvid(request);
      return 1;
    });
    print("JWT ES256, × 16", jwt, rawSign.cpuUs);
  }
  await pipeline.close();
}

await x509("inline", inlineRunner);
for (const workers of [1, 2]) {
  const options = { workers, clock: systemClock, random: systemRandom, logger: silentLogger };
  await x509(`${workers} worker${workers > 1 ? "s" : ""}`, new WorkerPool(options));
}
