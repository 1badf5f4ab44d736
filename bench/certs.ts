/** What issuing costs beside the raw primitives. CPU time per operation, lower quartile, one thread: `node bench/certs.ts`. */
import { createPublicKey, randomBytes, sign, verify } from "node:crypto";
import {
  assembleCertificate,
  buildCsr,
  Certificate,
  CertificateRequest,
  caSubject,
  caTbs,
  encodeSpki,
  generateKey,
  issuerInfoOf,
  randomSerial,
  signBytes,
  svidTbs,
  verifyChain,
} from "../certs/index.ts";

const rounds = 120;
const windowMs = 5;
/** Until the optimising compiler is done: its threads count as CPU time too. */
const warmUpCalls = 5_000;

type Operation = () => unknown;

/**
 * CPU microseconds per call: the lower quartile of many short windows. The operations take turns, so that a disturbed
 * moment on a shared machine does not hit one alone.
 */
function measure(operations: readonly Operation[]): readonly number[] {
  const costs = operations.map((): number[] => []);
  for (const operation of operations) for (let i = 0; i < warmUpCalls; i++) operation();
  for (let round = 0; round < rounds; round++) {
    for (const [index, operation] of operations.entries()) costs[index]?.push(cpuCost(operation));
  }
  return costs.map((list) => list.toSorted((a, b) => a - b)[Math.floor(rounds / 4)] ?? Number.NaN);
}

function cpuCost(operation: Operation): number {
  const end = performance.now() + windowMs;
  const before = process.cpuUsage();
  let count = 0;
  while (performance.now() < end) {
    for (let i = 0; i < 20; i++) operation();
    count += 20;
  }
  const used = process.cpuUsage(before);
  return (used.user + used.system) / count;
}

const nowMs = Date.now();
const validity = { notBeforeMs: nowMs - 10_000, notAfterMs: nowMs + 3_600_000 };
const caKey = await generateKey("ec-p256");
const caBytes = caTbs({
  ...validity,
  serial: randomSerial(randomBytes(16)),
  spkiDer: encodeSpki(caKey),
  subject: caSubject,
  uri: "spiffe://bench.test",
  signatureAlgorithm: "ES256",
});
const ca = Certificate.parse(assembleCertificate(caBytes, "ES256", signBytes("ES256", caBytes, caKey)));
const issuer = issuerInfoOf(ca);
const leafKey = await generateKey("ec-p256");
const csrDer = buildCsr({ key: leafKey });
const serial = randomSerial(randomBytes(16));
const uri = "spiffe://bench.test/ns/production/sa/payments";

const template = (spkiDer: Uint8Array): Uint8Array => svidTbs({ ...validity, issuer, serial, spkiDer, uri });
const issue = (spkiDer: Uint8Array): Uint8Array => {
  const tbs = template(spkiDer);
  return assembleCertificate(tbs, "ES256", signBytes("ES256", tbs, caKey));
};
const fromCsr = (): Uint8Array => {
  const csr = CertificateRequest.parse(csrDer);
  if (!csr.hasValidSignature()) throw new Error("the request does not verify");
  return issue(csr.spkiDer);
};

const spkiDer = CertificateRequest.parse(csrDer).spkiDer;
const tbs = template(spkiDer);
const signature = sign("sha256", tbs, caKey);
const publicKey = createPublicKey(caKey);
const spkiInput = { key: Buffer.from(spkiDer), format: "der", type: "spki" } as const;
const leaf = Certificate.parse(issue(spkiDer));

const rows: readonly { readonly name: string; readonly operation: Operation; readonly raw: readonly number[] }[] = [
  { name: "raw ECDSA P-256 sign", operation: () => sign("sha256", tbs, caKey), raw: [] },
  { name: "raw ECDSA P-256 verify", operation: () => verify("sha256", tbs, publicKey, signature), raw: [] },
  { name: "raw import of a P-256 SPKI", operation: () => createPublicKey(spkiInput), raw: [] },
  { name: "template alone", operation: () => template(spkiDer), raw: [] },
  { name: "template + sign + assemble, to raw sign", operation: () => issue(spkiDer), raw: [0] },
  { name: "CSR parse alone", operation: () => CertificateRequest.parse(csrDer), raw: [] },
  { name: "CSR parse + verify + issue, to raw verify + sign", operation: fromCsr, raw: [0, 1] },
  { name: "the same, to raw import + verify + sign", operation: fromCsr, raw: [0, 1, 2] },
  { name: "agent: CSR build, to raw sign", operation: () => buildCsr({ key: leafKey }), raw: [0] },
  { name: "certificate parse", operation: () => Certificate.parse(leaf.der), raw: [] },
  {
    name: "verify a leaf under one root, to raw verify",
    operation: () => verifyChain({ leaf, intermediates: [], roots: [ca], atMs: nowMs, usage: "client" }),
    raw: [1],
  },
];
const costs = measure(rows.map(({ operation }) => operation));

console.log(
  `node ${process.versions.node}, openssl ${process.versions.openssl}; CPU µs per operation, speed to the raw primitive`,
);
for (const [index, { name, raw }] of rows.entries()) {
  const cost = costs[index] ?? Number.NaN;
  const base = raw.reduce((sum, row) => sum + (costs[row] ?? Number.NaN), 0);
  console.log(
    `${name.padEnd(50)} ${cost.toFixed(1).padStart(8)} ${raw.length === 0 ? "" : `${((base / cost) * 100).toFixed(0)} %`}`,
  );
}
