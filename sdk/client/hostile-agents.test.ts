import { describe, it } from "node:test";
import { hostileMessageCases } from "../../test/conformance/workload-client/hostile-message-cases.ts";
import { hostileTransportCases } from "../../test/conformance/workload-client/hostile-transport-cases.ts";

describe("Workload API client, facing messages that are not legal", () => {
  for (const { name, run } of hostileMessageCases) it(name, run);
});

describe("Workload API client, facing what is no gRPC", () => {
  for (const { name, run } of hostileTransportCases) it(name, run);
});
