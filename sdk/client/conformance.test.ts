import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { callCases } from "../../test/conformance/workload-client/call-cases.ts";
import { clientRows, rowsWithoutCase } from "../../test/conformance/workload-client/client-rows.ts";
import { endpointCases } from "../../test/conformance/workload-client/endpoint-cases.ts";
import { jwtCases } from "../../test/conformance/workload-client/jwt-cases.ts";
import type { ConformanceCase } from "../../test/conformance/workload-client/watching.ts";
import { x509Cases } from "../../test/conformance/workload-client/x509-cases.ts";

const tables: Readonly<Record<string, readonly ConformanceCase[]>> = {
  "the endpoint's address": endpointCases,
  "calls and streams": callCases,
  "X.509": x509Cases,
  JWT: jwtCases,
};

for (const [title, cases] of Object.entries(tables)) {
  describe(`Workload API client, ${title}`, () => {
    for (const { rows, name, run } of cases) it(`${rows.join(", ")}: ${name}`, run);
  });
}

describe("the conformance suite of the Workload API client", () => {
  const claimed = Object.values(tables).flatMap((cases) => cases.flatMap(({ rows }) => rows));

  it("has a case for every row that binds clients, or says why not", () => {
    const missing = clientRows.filter((row) => !claimed.includes(row) && !rowsWithoutCase.has(row));
    assert.deepEqual(missing, []);
  });

  it("claims no row that is not in the list, and excuses none that it proves", () => {
    assert.deepEqual(
      claimed.filter((row) => !clientRows.includes(row)),
      [],
    );
    assert.deepEqual(
      [...rowsWithoutCase.keys()].filter((row) => claimed.includes(row) || !clientRows.includes(row)),
      [],
    );
  });
});
