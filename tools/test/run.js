import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findSuites, missingNeeds } from "./suites.js";

export async function run({ full, only }) {
  const chosen = findSuites()
    .map((suite) => narrowed(suite, only))
    .filter((suite) => suite.files.length > 0);
  const leftOut = [];
  const failures = [];
  const total = { passed: 0, failed: 0 };
  const before = treeState();
  const runAll = async (suites, write) => {
    for (const suite of suites) {
      const reason = !full && suite.needs.length > 0 && only.length === 0 ? "runs with FULL=1" : unmet(suite);
      if (reason !== undefined) {
        leftOut.push({ suite, reason });
        continue;
      }
      const result = await runSuite(suite, write);
      total.passed += result.counts.passed;
      total.failed += result.counts.failed;
      failures.push(...result.problems.map((problem) => `${suite.name}: ${problem}`));
      failures.push(...result.failures.map(({ name, problem }) => `${name}\n${head(problem)}`));
    }
  };
  const inOneProcess = chosen.filter((suite) => suite.together);
  // Each takes from the front what the other has left.
  const lane = async () => {
    for (let suite = inOneProcess.shift(); suite !== undefined; suite = inOneProcess.shift()) await runAll([suite]);
  };
  await Promise.all([lane(), lane()]);
  await runAll(
    chosen.filter((suite) => suite.needs.length === 0 && !suite.together),
    show,
  );
  const rest = chosen.filter((suite) => suite.needs.length > 0);
  // What two lanes say at the same time is shown suite by suite.
  await Promise.all([false, true].map((waits) => runAll(rest.filter((suite) => suite.waits === waits))));
  if (full && before !== treeState()) failures.push("the run changed the work tree (git status)");
  if (full) failures.push(...leftOut.map(({ suite, reason }) => `${suite.name}: left out, ${reason}`));
  report(leftOut, failures, total);
  return failures.length === 0 && total.failed === 0 && total.passed > 0 ? 0 : 1;
}

/** All of a suite, or the files whose path has one of the words. */
function narrowed(suite, only) {
  if (only.length === 0 || only.some((word) => suite.name === word)) return suite;
  return { ...suite, files: suite.files.filter((file) => only.some((word) => file.includes(word))) };
}

function unmet(suite) {
  const missing = missingNeeds(suite);
  return missing.length === 0 ? undefined : `this machine lacks: ${missing.join(", ")}`;
}

function show(text) {
  process.stdout.write(text);
}

/** Without `write` all that it says is shown at its end. */
async function runSuite(suite, write) {
  const held = [];
  const say = write ?? ((text) => held.push(text));
  const runId = randomUUID();
  const scratch = mkdtempSync(join(tmpdir(), "cst-"));
  // Workloads of other uids must get to the sockets inside.
  chmodSync(scratch, 0o755);
  const started = performance.now();
  say(`\n── ${suite.name} (${suite.files.length} file(s), budget ${suite.budget} s)\n`);
  const { counts, failures, code, timedOut } = await spawnTests(suite, runId, scratch, say);
  const seconds = (performance.now() - started) / 1000;
  const problems = [];
  if (timedOut) problems.push(`over its budget of ${suite.budget} s`);
  else if (code !== 0) problems.push(`node --test ended with ${code}`);
  const survivors = endSurvivors(runId);
  if (survivors.length > 0 && !timedOut) problems.push(`left processes running: ${survivors.join("; ")}`);
  rmSync(scratch, { recursive: true, force: true });
  say(`── ${suite.name}: ${counts.passed} passed, ${counts.failed} failed in ${seconds.toFixed(1)} s\n`);
  show(held.join(""));
  return { counts, failures, problems };
}

/** Half of what a small test file costs is the compiling of what it imports, and most files import the same. */
const compileCache = new URL("../../node_modules/.cache/compiled/", import.meta.url).pathname;

function spawnTests(suite, runId, scratch, say) {
  const { NODE_OPTIONS: _ignored, ...environment } = process.env;
  const child = spawn(
    process.execPath,
    [
      "--test",
      ...(suite.together ? ["--test-isolation=none"] : []),
      // A file that hangs is named and fails alone.
      `--test-timeout=${Math.floor(suite.budget * 900)}`,
      `--test-concurrency=${suite.concurrency}`,
      `--test-reporter=${new URL("./reporter.js", import.meta.url).pathname}`,
      "--test-reporter-destination=stdout",
      ...suite.files,
    ],
    {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...environment, TMPDIR: scratch, COUNTERSIGN_TEST_RUN: runId, NODE_COMPILE_CACHE: compileCache },
    },
  );
  let counts = { passed: 0, failed: 1 };
  const failures = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [, kind, text] = /^#(counts|failure) (.*)$/.exec(line) ?? [];
    if (kind === "counts") {
      const [passed, failed] = text.split(" ").map(Number);
      counts = { passed, failed };
    } else if (kind === "failure") failures.push(JSON.parse(text));
    else say(`${line}\n`);
  });
  return new Promise((resolve) => {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, suite.budget * 1000);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ counts, failures, code, timedOut });
    });
  });
}

/** Kills processes that carry this run's id in their environment and returns their command lines. */
function endSurvivors(runId) {
  const survivors = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "latin1").includes(runId)) continue;
      survivors.push(readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").slice(0, 160));
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // Gone meanwhile, or not ours to read.
    }
  }
  return survivors;
}

function treeState() {
  try {
    return execFileSync("git", ["status", "--porcelain"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "not a git checkout";
  }
}

/** Enough of a failure's text to know it by. */
function head(problem) {
  return problem
    .split("\n")
    .slice(0, 30)
    .map((line) => `    ${line}`)
    .join("\n");
}

function report(leftOut, failures, total) {
  if (leftOut.length > 0) {
    process.stdout.write(`\n${"=".repeat(80)}\nLEFT OUT: ${leftOut.length} suite(s) did not run\n`);
    for (const { suite, reason } of leftOut) {
      process.stdout.write(`  ${suite.name} (needs ${suite.needs.join(", ") || "nothing"}): ${reason}\n`);
    }
    process.stdout.write(`${"=".repeat(80)}\n`);
  }
  for (const failure of failures) process.stdout.write(`FAILED ${failure}\n`);
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`);
}
