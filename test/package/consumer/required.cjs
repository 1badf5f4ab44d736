// The published package from CommonJS.
const { deepEqual, equal } = require("node:assert/strict");
const before = Object.getOwnPropertyNames(globalThis);
const required = require("@countersign/workload");

equal("default" in required, false);
deepEqual(Object.getOwnPropertyNames(globalThis), before);

async function main() {
  const imported = await import("@countersign/workload");
  equal(imported.X509Source, required.X509Source);
  const source = await required.X509Source.open({ endpoint: process.env.WEB_SOCKET });
  process.stdout.write(`required ${source.svid.id}\n`);
  await source.close();
}

void main();
