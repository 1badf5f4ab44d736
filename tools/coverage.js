// Unit tests with line coverage and its floor: certs and spiffe 98 %, everything else 90 %. A folder below its floor
// fails the gate.
import { spawnSync } from "node:child_process";
import { findSuites } from "./test/suites.js";

const floors = [
  { folders: ["certs", "spiffe"], lines: 98 },
  { folders: ["proto", "runtime", "transport", "server", "agent", "sdk", "cli"], lines: 90 },
];

export function coverage() {
  const suites = findSuites().filter((suite) => suite.needs.length === 0);
  return floors.every(({ folders, lines }) => {
    const files = suites.flatMap((suite) => suite.files);
    const chosen = lines === 98 ? files.filter((file) => /^(certs|spiffe)\//.test(file)) : files;
    const result = spawnSync(
      process.execPath,
      [
        "--test",
        "--test-concurrency=2",
        "--experimental-test-coverage",
        ...folders.map((folder) => `--test-coverage-include=${folder}/**/*.ts`),
        "--test-coverage-exclude=**/*.test.ts",
        "--test-coverage-exclude=**/*.types.ts",
        `--test-coverage-lines=${lines}`,
        "--test-reporter=./tools/coverage-reporter.js",
        "--test-reporter-destination=stdout",
        ...chosen,
      ],
      { stdio: "inherit" },
    );
    return result.status === 0;
  });
}
