// npm run check, the gate: format and lint → time and randomness → types → dependency rules → dead code → tests with a
// coverage floor. `--no-tests` leaves the last step out.
import { spawnSync } from "node:child_process";
import { requireNode24 } from "./node-version.js";

requireNode24("npm run check");
const { findAmbientUse } = await import("./lint/ambient.js");

const steps = [
  ["format and lint", () => ran("biome", ["check", "."])],
  ["time and randomness", () => none(findAmbientUse())],
  ["types", () => ran("tsc", ["--noEmit", "--incremental", "--tsBuildInfoFile", "node_modules/.cache/tsc.json"])],
  ["dependency rules", () => ran("npm", ["run", "--silent", "deps"])],
  ["dead code", () => ran("knip", ["--cache"])],
];
if (!process.argv.includes("--no-tests")) {
  const { coverage } = await import("./coverage.js");
  steps.push(["tests with coverage", coverage]);
}

let failed = false;
for (const [name, step] of steps) {
  const started = performance.now();
  const passed = step();
  process.stdout.write(`${passed ? "✔" : "✖"} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)\n`);
  failed ||= !passed;
}
process.exitCode = failed ? 1 : 0;

function ran(command, args) {
  const path = `node_modules/.bin:${process.env.PATH}`;
  return spawnSync(command, args, { stdio: "inherit", env: { ...process.env, PATH: path } }).status === 0;
}

function none(findings) {
  for (const finding of findings) process.stdout.write(`${finding}\n`);
  return findings.length === 0;
}
