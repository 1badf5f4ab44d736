// The whole story of each failure, the slowest files, and for the runner the failures once more and the counts.
import { relative } from "node:path";

export default async function* reporter(source) {
  const counts = { passed: 0, failed: 0 };
  const files = new Map();
  for await (const event of source) {
    if (event.type === "test:stderr" || event.type === "test:stdout") yield event.data.message;
    else if (event.type === "test:pass" || event.type === "test:fail") {
      addTime(files, event.data);
      const problem = event.type === "test:fail" ? failureOf(event.data) : skipOf(event.data);
      if (problem !== undefined) counts.failed += 1;
      else if (event.type === "test:pass" && event.data.details?.type !== "suite") counts.passed += 1;
      if (problem !== undefined) yield* failed(`${nameOf(event.data)}: ${event.data.name}`, problem);
    }
  }
  const slow = [...files].sort((left, right) => right[1] - left[1]).slice(0, 5);
  yield `slowest: ${slow.map(([file, ms]) => `${file} ${(ms / 1000).toFixed(1)} s`).join(", ")}\n`;
  yield `#counts ${counts.passed} ${counts.failed}\n`;
}

/** Where it happens, and for the runner, which says it again at the end: nobody should have to look for it in the middle. */
function* failed(name, problem) {
  yield `\n✖ ${name}\n${indent(problem)}\n`;
  yield `#failure ${JSON.stringify({ name, problem })}\n`;
}

/** The error's text; `undefined` for a parent that failed only because a subtest did. */
function failureOf(data) {
  const error = data.details?.error;
  if (error?.failureType === "subtestsFailed") return undefined;
  const cause = error?.cause ?? error;
  return cause?.stack ?? String(cause?.message ?? cause);
}

function skipOf(data) {
  if (data.skip === undefined && data.todo === undefined) return undefined;
  return 'was skipped; a suite that cannot run here says so in its "// needs:" line';
}

function addTime(files, data) {
  if (data.nesting !== 0) return;
  const file = nameOf(data);
  files.set(file, (files.get(file) ?? 0) + (data.details?.duration_ms ?? 0));
}

function nameOf(data) {
  return data.file === undefined ? "?" : relative(process.cwd(), data.file);
}

function indent(text) {
  return text
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n");
}
