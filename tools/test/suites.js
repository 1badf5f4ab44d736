import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";

const folders = "certs,spiffe,proto,runtime,transport,server,agent,sdk,cli,demo,test,tools";

/** Ways to tell that what a suite needs is on this machine, by the word in its `// needs:` line. */
const probes = {
  root: () => process.getuid() === 0,
  go: () => works("go", "version"),
  python: () => works("python3", "--version"),
  rust: () => works("cargo", "--version"),
  java: () => works("mvn", "--version"),
  openssl: () => works("openssl", "version"),
  // Only that the run may take long.
  time: () => true,
  npm: () => works("npm", "--version"),
  // Servers of Debian; root gets what is not there.
  postgres: () => debian("postgresql", "/usr/lib/postgresql/*/bin/postgres"),
  redis: () => debian("redis-server", "/usr/bin/redis-server"),
  mariadb: () => debian("mariadb-server", "/usr/sbin/mariadbd"),
  nats: () => debian("nats-server", "/usr/sbin/nats-server"),
};

function works(command, argument) {
  try {
    execFileSync(command, [argument], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Whether a program of a Debian package is there, or could be installed. Its service is not started. */
function debian(name, program) {
  if (globSync(program).length > 0) return true;
  if (process.getuid() !== 0 || !works("apt-get", "--version")) return false;
  const options = { stdio: "ignore", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" } };
  try {
    execFileSync("apt-get", ["update", "-qq"], options);
    execFileSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", name], options);
  } catch {
    return false;
  }
  return globSync(program).length > 0;
}

/**
 * Folders whose test files share a process: half of what a small file costs is the start of its own. Tests that change the
 * process itself (signals, stalls, descriptors) are in the others, where each file has one.
 */
const together = [["cli"], ["server"], ["sdk"], ["agent"], ["certs", "spiffe", "proto"]];

/**
 * A suite is one `node --test` call with a budget in seconds. Unit tests are a suite for each of these groups and one for
 * the rest, whole-system tests are one;
 * a `*.full.test.ts` file is a suite of its own and says `// needs: root, go; budget: 120` in its first line, and
 * `; waits` at its end when it mostly waits for time to pass: it then runs beside the others.
 */
export function findSuites() {
  const files = globSync(`{${folders}}/**/*.test.ts`, { exclude: (path) => path.includes("node_modules") }).sort();
  const plain = files.filter((file) => !file.endsWith(".full.test.ts"));
  const isSystem = (file) => /^(test\/(e2e|simulation|races)|demo)\//.test(file);
  const isIn = (folders) => (file) => folders.includes(file.split("/", 1)[0]);
  const isApart = (file) => !isSystem(file) && !together.some((group) => isIn(group)(file));
  return [
    ...together.map((group) => ({
      ...{ name: `unit ${group.join(" ")}`, files: plain.filter(isIn(group)), together: true },
      ...{ budget: 240, needs: [], concurrency: 1 },
    })),
    { name: "unit", files: plain.filter(isApart), budget: 300, needs: [], concurrency: 2 },
    { name: "system", files: plain.filter(isSystem), budget: 400, needs: [], concurrency: 3 },
    ...files.filter((file) => file.endsWith(".full.test.ts")).map(fullSuite),
  ].filter((suite) => suite.files.length > 0);
}

function fullSuite(file) {
  const [firstLine] = readFileSync(file, "utf8").split("\n", 1);
  const match = /^\/\/ needs: ([a-z0-9, ]+?)(?:; budget: (\d+))?(; waits)?$/.exec(firstLine ?? "");
  if (match === null)
    throw new Error(
      `${file}: the first line must be "// needs: …" with an optional "; budget: <seconds>", then an optional "; waits"`,
    );
  const needs = match[1].split(",").map((need) => need.trim());
  for (const need of needs) if (!(need in probes)) throw new Error(`${file}: unknown need "${need}"`);
  const waits = match[3] !== undefined;
  return { name: file, files: [file], budget: Number(match[2] ?? 120), needs, concurrency: 1, waits };
}

/** The needs of a suite that this machine does not meet. */
export function missingNeeds(suite) {
  return suite.needs.filter((need) => !probes[need]());
}
