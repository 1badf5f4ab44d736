import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SpiffeError } from "../spiffe/index.ts";
import { FakeWorkloadApi } from "../test/fakes/fake-workload-api.ts";
import { timeOutOnceRefused } from "../test/fakes/time-out-once-refused.ts";
import { WorkloadError, workloadErrorSpecs } from "./errors.ts";
import { X509Source } from "./source/x509-source.ts";

describe("errors of the SDK", () => {
  it("say what to do: what the agent said, else what there is to say about the code", () => {
    const usual = workloadErrorSpecs.ERR_WORKLOAD_API_DENIED.fix;
    assert.equal(new WorkloadError("ERR_WORKLOAD_API_DENIED", "no").fix, usual);
    assert.equal(new WorkloadError("ERR_WORKLOAD_API_DENIED", "no", { fix: "" }).fix, usual);
    assert.equal(new WorkloadError("ERR_WORKLOAD_API_DENIED", "no", { fix: "run it as web" }).fix, "run it as web");
    assert.match(new SpiffeError("ERR_SPIFFE_ID_SCHEME", "no").fix, /spiffe:\/\//);
  });

  it("say at a time-out what was missing, why, and what to do about that", async () => {
    await using api = await FakeWorkloadApi.start();
    await assert.rejects(X509Source.open({ endpoint: api.endpoint, ...timeOutOnceRefused() }), {
      code: "ERR_SOURCE_TIMEOUT",
      message: "no identity came within 30000 ms: no identity issued",
      fix: "create an entry",
    });
  });
});
