// Time and randomness are parameters (design §1.6): outside `runtime/` and the adapters listed here with a reason,
// production code takes a `Clock` or a `Random`.
import { globSync, readFileSync } from "node:fs";

const folders = "certs,spiffe,proto,transport,server,agent,sdk,cli";

const forbidden = [
  /\bDate\.now\b/,
  /\bnew Date\(\s*\)/,
  /(?<![.\w])set(Timeout|Interval|Immediate)\(/,
  /\btimers\/promises\b/,
  /\bAbortSignal\.timeout\(/,
  /\bMath\.random\b/,
  /\brandom(Bytes|UUID|Int|FillSync|Fill)\(/,
  /\bgetRandomValues\(/,
  /\bperformance\.\w/,
  /\bprocess\.(hrtime|uptime)\b/,
];

/** Path → why this adapter may touch the world. */
const adapters = JSON.parse(readFileSync(new URL("./ambient-adapters.json", import.meta.url), "utf8"));

export function findAmbientUse() {
  const findings = [];
  const used = new Set();
  for (const path of globSync(`{${folders}}/**/*.{ts,js}`).sort()) {
    if (/\.test\.ts$|\.types\.ts$|^proto\/gen\/|node_modules/.test(path)) continue;
    const lines = withoutComments(readFileSync(path, "utf8")).split("\n");
    for (const [index, line] of lines.entries()) {
      if (!forbidden.some((pattern) => pattern.test(line))) continue;
      if (path in adapters) used.add(path);
      else findings.push(`${path}:${index + 1}: ${line.trim()}`);
    }
  }
  const stale = Object.keys(adapters).filter((path) => !used.has(path));
  return [...findings, ...stale.map((path) => `tools/lint/ambient-adapters.json: ${path} needs no exception any more`)];
}

function withoutComments(source) {
  return source
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "))
    .replace(/(^|\s)\/\/[^\n]*/g, "$1");
}
