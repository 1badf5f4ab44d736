import assert from "node:assert/strict";
import { test } from "node:test";
import { noMetrics, silentLogger } from "../../../runtime/core/index.ts";
import { Selector } from "../../../spiffe/index.ts";
import { callerOfProcess, wanting } from "../../../test/fakes/callers.ts";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import type { SelectorInterest, WorkloadAttestor } from "../../ports.ts";
import { workloadAttestationErrors } from "./errors.ts";
import { WorkloadAttestation } from "./workload-attestation.ts";

const never = new AbortController().signal;

function attestor(name: string, attest: WorkloadAttestor["attest"]): WorkloadAttestor {
  return { name, attest };
}

function fixed(name: string, ...values: readonly string[]): WorkloadAttestor {
  const selectors = values.map((value) => Selector.of(name, value));
  return attestor(name, async () => selectors);
}

function attestation(
  attestors: readonly WorkloadAttestor[],
  { clock = new FakeClock(), interest = wanting() }: { clock?: FakeClock; interest?: SelectorInterest } = {},
): WorkloadAttestation {
  return new WorkloadAttestation({ attestors, interest, clock, logger: silentLogger, metrics: noMetrics });
}

test("the selectors of all attestors are merged, sorted, without duplicates", async () => {
  const subject = attestation([fixed("unix", "uid:1", "gid:2", "uid:1"), fixed("docker", "label:a")]);
  const selectors = await subject.attest(callerOfProcess(process.pid), never);
  assert.deepEqual(selectors.map(String), ["docker:label:a", "unix:gid:2", "unix:uid:1"]);
});

test("an unchanged caller gets the same array, also when an attestor makes a new but equal one", async () => {
  const subject = attestation([attestor("unix", async () => [Selector.of("unix", "uid:1")]), fixed("docker", "x:y")]);
  const caller = callerOfProcess(process.pid);
  const first = await subject.attest(caller, never);
  assert.equal(await subject.attest(caller, never), first);
});

test("one failed attestor fails the whole: never fewer selectors", async () => {
  const failing = attestor("docker", async () => {
    throw new Error("daemon is down");
  });
  const subject = attestation([fixed("unix", "uid:1"), failing]);
  await assert.rejects(async () => await subject.attest(callerOfProcess(process.pid), never), {
    code: "ERR_ATTESTATION_FAILED",
    status: "unavailable",
    message: "workload attestor docker failed",
  });
});

test("an attestor's own code reaches the caller; that it is somebody else wins over any other failure", async () => {
  const failing = (name: string, code: "ERR_EXECUTABLE_TOO_LARGE" | "ERR_CALLER_MISMATCH") =>
    attestor(name, async () => {
      throw workloadAttestationErrors.error(code, "refused");
    });
  const caller = callerOfProcess(process.pid);
  const large = failing("a", "ERR_EXECUTABLE_TOO_LARGE");
  await assert.rejects(async () => await attestation([large]).attest(caller, never), {
    code: "ERR_EXECUTABLE_TOO_LARGE",
  });
  const mismatch = failing("b", "ERR_CALLER_MISMATCH");
  await assert.rejects(async () => await attestation([large, mismatch]).attest(caller, never), {
    code: "ERR_CALLER_MISMATCH",
  });
});

test("an attestor that does not answer is given up after the time-out and told so", async () => {
  const clock = new FakeClock();
  let told: unknown;
  const hanging = attestor("k8s", (_caller, _wants, signal) => {
    signal.addEventListener("abort", () => {
      told = signal.reason;
    });
    return new Promise(() => {});
  });
  const subject = attestation([fixed("unix", "uid:1"), hanging], { clock });
  const refused = assert.rejects(async () => await subject.attest(callerOfProcess(process.pid), never), {
    code: "ERR_ATTESTOR_TIMEOUT",
  });
  await clock.advance(5_000);
  await refused;
  assert.ok(told instanceof Error);
  assert.equal(clock.pendingTimers, 0);
});

test("the process is looked at again after the last attestor: one that ended meanwhile is refused", async () => {
  const caller = callerOfProcess(process.pid);
  const ending = attestor("unix", async () => {
    caller.process.isGone = true;
    return [Selector.of("unix", "uid:1")];
  });
  await assert.rejects(async () => await attestation([ending]).attest(caller, never), { code: "ERR_CALLER_GONE" });
});

test("an aborted call aborts its attestors and rejects with its reason", async () => {
  const controller = new AbortController();
  const reason = new Error("cancelled");
  const subject = attestation([attestor("unix", () => new Promise(() => {}))]);
  const refused = assert.rejects(
    async () => await subject.attest(callerOfProcess(process.pid), controller.signal),
    reason,
  );
  controller.abort(reason);
  await refused;
  await assert.rejects(async () => await subject.attest(callerOfProcess(process.pid), controller.signal), reason);
});

test("interest has changed when an attestor would be told something else, and not before", async () => {
  const wanted = new Set<string>();
  const interest = { wantsSelector: (type: string, prefix: string) => wanted.has(`${type}:${prefix}`) };
  const asking = attestor("unix", async (_caller, wants) => {
    wants.wantsSelector("unix", "sha256:");
    return [Selector.of("unix", "uid:1")];
  });
  const subject = attestation([asking], { interest });
  assert.equal(subject.interestChanged(), false);
  await subject.attest(callerOfProcess(process.pid), never);
  wanted.add("unix:path:");
  assert.equal(subject.interestChanged(), false);
  wanted.add("unix:sha256:");
  assert.equal(subject.interestChanged(), true);
  await subject.attest(callerOfProcess(process.pid), never);
  assert.equal(subject.interestChanged(), false);
});
