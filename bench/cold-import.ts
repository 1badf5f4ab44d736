/**
 * What importing the built package costs over bare Node: `npm run package && node bench/cold-import.ts [node …]`, for
 * this Node and for those whose binaries are given. Each import is in a process of its own; median and best of 15.
 * Goal: below 120 ms and 40 MB.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const lib = fileURLToPath(new URL("../dist/workload/lib/", import.meta.url));
const rounds = 15;
const imports: Readonly<Record<string, readonly string[]>> = {
  "@countersign/workload": [`${lib}index.js`],
  "  … and what source.fetch loads": [`${lib}index.js`, "undici"],
  "@countersign/workload/grpc": [`${lib}grpc.js`],
  "  of which grpc-js": ["@grpc/grpc-js"],
  "@countersign/workload/testing": [`${lib}testing.js`],
};

interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
  readonly rssMb: number;
}

function measure(node: string, modules: readonly string[]): Cost {
  const program = `const cpu = process.cpuUsage(), at = performance.now();
    for (const name of ${JSON.stringify(modules)}) await import(name);
    const ms = performance.now() - at, { user, system } = process.cpuUsage(cpu);
    console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1000, rssMb: process.memoryUsage.rss() / 1e6 }));`;
  const { NODE_OPTIONS: _options, NODE_COMPILE_CACHE: _cache, ...env } = process.env;
  const output = execFileSync(node, ["--input-type=module", "--eval", program], { cwd: lib, env, encoding: "utf8" });
  return JSON.parse(output);
}

function sorted(costs: readonly Cost[], part: keyof Cost): readonly number[] {
  return costs.map((cost) => cost[part]).sort((left, right) => left - right);
}

function report(node: string): void {
  console.log(execFileSync(node, ["--version"], { encoding: "utf8" }).trim());
  const bare = sorted(
    Array.from({ length: rounds }, () => measure(node, [])),
    "rssMb",
  );
  for (const [name, modules] of Object.entries(imports)) {
    const costs = Array.from({ length: rounds }, () => measure(node, modules));
    const middle = Math.floor(rounds / 2);
    const [ms, cpuMs, rssMb] = [sorted(costs, "ms"), sorted(costs, "cpuMs"), sorted(costs, "rssMb")];
    const over = (rssMb[middle] ?? 0) - (bare[middle] ?? 0);
    const times = [ms[middle], ms[0], cpuMs[0]].map((one) => one?.toFixed(0).padStart(4));
    console.log(`${name.padEnd(34)} ${times[0]} ms (best ${times[1]}, CPU ${times[2]})  +${over.toFixed(1)} MB`);
  }
}

if (!existsSync(lib)) throw new Error("run `npm run package` first");
for (const node of [process.execPath, ...process.argv.slice(2)]) report(node);
