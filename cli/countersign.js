#!/usr/bin/env node
// The start of every program of ours. Plain JavaScript, so that an old Node prints one clear line, and light, so that
// --version and --help answer at once.
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { requireNode24 } from "../tools/node-version.js";

requireNode24("countersign");

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// A script that starts this file says what it was itself called as (docs/operations.md).
const calledAs = process.env.COUNTERSIGN_CALLED_AS ?? process.argv[1] ?? "";
const args = inOurWords(basename(calledAs), process.argv.slice(2));

if (args.length === 1 && (args[0] === "--version" || args[0] === "-V")) {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  process.stdout.write(`countersign ${version}\n`);
} else if (isDaemon(args) && !isHardened()) {
  await restartHardened();
} else {
  // Not imported above: an old Node has no such function, and would say that instead.
  const { enableCompileCache } = await import("node:module");
  // Not the default below /tmp: compiled code must not come from a folder that others can write.
  const cache = join(root, "node_modules", ".cache", "countersign");
  enableCompileCache(cache);
  // Worker threads do not share it by themselves: without it each of them compiles its code for 250 ms.
  process.env.NODE_COMPILE_CACHE = cache;
  const { main } = await import("./main.ts");
  await main(args);
}

function isDaemon([noun, verb]) {
  return (noun === "server" || noun === "agent") && verb === "run";
}

/** The verbs that SPIRE has twice, one in each program; a link called `spire-agent` means that one, all else the server. */
function inOurWords(program, [verb, ...rest]) {
  if (verb === undefined) return [];
  const who = program === "spire-agent" ? "agent" : "server";
  if (["run", "validate", "healthcheck"].includes(verb)) return [who, verb, ...rest];
  if (who === "agent" && ["logger", "debug"].includes(verb)) return [who, verb, ...rest];
  return [verb, ...rest];
}

/** SIGUSR1 must not open a debugger port in a process that owns keys, and NODE_OPTIONS must not change it. */
function isHardened() {
  return process.execArgv.includes("--disable-sigusr1") && process.env.NODE_OPTIONS === undefined;
}

async function restartHardened() {
  // Until the process image is replaced; it holds no keys yet.
  process.on("SIGUSR1", () => {});
  process.removeAllListeners("warning");
  if (process.env.LISTEN_PID === String(process.pid)) {
    const { keepPassedSockets } = await import("../runtime/host/systemd.ts");
    keepPassedSockets(process.env, process.pid);
  }
  const { NODE_OPTIONS: _options, NODE_TLS_REJECT_UNAUTHORIZED: _reject, ...environment } = process.env;
  // A third of the memory after a burst of work, at the same speed: each thread would keep 48 MiB for young objects.
  const memory = "--max-semi-space-size=8";
  const flags = ["--disable-sigusr1", "--disable-warning=ExperimentalWarning", memory];
  // The same process id afterwards: supervisors and socket activation do not notice.
  process.execve(process.execPath, [process.execPath, ...flags, fileURLToPath(import.meta.url), ...args], environment);
}
