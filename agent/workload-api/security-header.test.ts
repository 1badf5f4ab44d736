import assert from "node:assert/strict";
import { test } from "node:test";
import { rawCall } from "../../test/fakes/raw-grpc.ts";
import { WorkloadApiWorld } from "../../test/fakes/workload-api-world.ts";

const methods = [
  "FetchX509SVID",
  "FetchX509Bundles",
  "FetchJWTSVID",
  "FetchJWTBundles",
  "ValidateJWTSVID",
  "FetchWITSVID",
  "FetchWITBundles",
];
const invalidArgument = 3;

test("WEP-10 WEP-24 P-18: without the security header every RPC, served or not, is InvalidArgument, before attestation", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  for (const method of methods) {
    const answer = await rawCall(world.path, `/SpiffeWorkloadAPI/${method}`, {});
    assert.equal(answer.status, invalidArgument, method);
    assert.equal(answer.message, "security header missing from request");
  }
  assert.equal(world.attestation.asked, 0);
});

test("WEP-09 P-18: any value but exactly one 'true' is InvalidArgument", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.putWeb();
  for (const value of ["True", "TRUE", "1", "", "false", "true,true", ["true", "false"], ["true", "true"]]) {
    const headers = { "workload.spiffe.io": value };
    const answer = await rawCall(world.path, "/SpiffeWorkloadAPI/FetchX509SVID", headers);
    assert.equal(answer.status, invalidArgument, JSON.stringify(value));
  }
  const broker = await rawCall(world.path, "/SpiffeWorkloadAPI/FetchX509SVID", { "broker.spiffe.io": "true" });
  assert.equal(broker.status, invalidArgument);
  assert.equal(world.attestation.asked, 0);
});

test("WEP-09: with the header the same calls are attested", async (context) => {
  const world = await WorkloadApiWorld.start(context, { holdCurrentMs: 0, holdBehindMs: 0 });
  const answer = await rawCall(world.path, "/SpiffeWorkloadAPI/FetchX509SVID", { "workload.spiffe.io": "true" });
  assert.deepEqual(answer, { status: 7, message: "no identity issued" });
  assert.equal(world.attestation.asked > 0, true);
});

test("other services on the socket are called by tools that send no such header", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const answer = await rawCall(world.path, "/grpc.health.v1.Health/Check", {});
  assert.equal(answer.status, 0);
});

test("WAPI-73 WEP-30: the WIT RPCs, and RPCs that do not exist, are Unimplemented", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  for (const method of ["FetchWITSVID", "FetchWITBundles", "FetchEverything"]) {
    const answer = await rawCall(world.path, `/SpiffeWorkloadAPI/${method}`, { "workload.spiffe.io": "true" });
    assert.equal(answer.status, 12, method);
  }
});
