import assert from "node:assert/strict";
import { test } from "node:test";
import { verifyJwtSvid } from "../../spiffe/index.ts";
import { eventually, WorkloadApiWorld } from "../../test/fakes/workload-api-world.ts";
import { agentErrors } from "../errors.ts";
import { agentLimits } from "../limits.ts";

const noHold = { holdCurrentMs: 0, holdBehindMs: 0 };
const selectors = ["unix:uid:1000"];

/** Entitled to /x and /y, as in P-21. */
function entitle(world: WorkloadApiWorld): void {
  world.identities.put({ entryId: "1", path: "/x", selectors, hint: "first" }, { entryId: "2", path: "/y", selectors });
}

test("WAPI-46 WAPI-49 WAPI-52 P-21: one token for each identity, in order, each with its SPIFFE ID and hint", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  entitle(world);
  const { svids } = await world.fetchJwt(["s"]);
  assert.deepEqual(
    svids.map(({ spiffe_id, hint }) => [spiffe_id, hint]),
    [
      ["spiffe://a.test/x", "first"],
      ["spiffe://a.test/y", ""],
    ],
  );
  for (const { svid, spiffe_id } of svids) {
    const bundles = { get: () => world.authority.bundle() };
    const verified = verifyJwtSvid({ token: svid, audience: "s", bundles, atMs: world.clock.now() });
    assert.equal(verified.id.toString(), spiffe_id);
  }
});

test("WAPI-48 P-21: all audiences asked for are in aud of every token", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  entitle(world);
  const { svids } = await world.fetchJwt(["s", "t"]);
  for (const { svid } of svids) {
    const bundles = { get: () => world.authority.bundle() };
    const verified = verifyJwtSvid({ token: svid, audience: "t", bundles, atMs: world.clock.now() });
    assert.deepEqual(verified.audience, ["s", "t"]);
  }
});

test("WAPI-50 P-21: with spiffe_id only that identity's token", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  entitle(world);
  const { svids } = await world.fetchJwt(["s"], "spiffe://a.test/y");
  assert.deepEqual(
    svids.map(({ spiffe_id }) => spiffe_id),
    ["spiffe://a.test/y"],
  );
  assert.equal(world.identities.jwtRequests, 1);
});

test("WAPI-55 P-21: a spiffe_id the caller is not entitled to is PermissionDenied, whoever's it is", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  entitle(world);
  world.identities.put({ entryId: "3", path: "/z", selectors: ["unix:uid:2000"] });
  for (const id of ["spiffe://a.test/z", "spiffe://a.test/none", "spiffe://b.test/x", "spiffe://a.test"]) {
    await assert.rejects(world.fetchJwt(["s"], id), { code: "ERR_NOT_ENTITLED", status: "permissionDenied" });
  }
  assert.equal(world.identities.jwtRequests, 0);
});

test("Q-15 P-21: a spiffe_id that is none is InvalidArgument", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  entitle(world);
  for (const id of ["not-an-id", "spiffe://A.test/x", "spiffe://a.test/x/", "https://a.test/x"]) {
    await assert.rejects(world.fetchJwt(["s"], id), { code: "ERR_SPIFFE_ID_MALFORMED", status: "invalidArgument" });
  }
});

test("WAPI-18 WAPI-47 P-21: no audience, or an empty one, is InvalidArgument before anybody is attested", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  entitle(world);
  for (const audience of [[], [""], ["s", ""]]) {
    await assert.rejects(world.fetchJwt(audience), { code: "ERR_AUDIENCE_REQUIRED", status: "invalidArgument" });
  }
  assert.equal(world.attestation.asked, 0);
});

test("audiences are bounded in number and length; the largest allowed are served", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  entitle(world);
  const most = Array.from({ length: agentLimits.audiences.value }, (_, index) => `a${index}`);
  const longest = "é".repeat(agentLimits.audienceBytes.value / 2);
  await assert.doesNotReject(world.fetchJwt(most));
  await assert.doesNotReject(world.fetchJwt([longest]));
  await assert.rejects(world.fetchJwt([...most, "more"]), {
    code: "ERR_AUDIENCE_TOO_LARGE",
    status: "invalidArgument",
  });
  await assert.rejects(world.fetchJwt([`${longest}x`]), { code: "ERR_AUDIENCE_TOO_LARGE" });
});

test("WAPI-51 WAPI-55 P-21: a caller without identities is PermissionDenied, never an empty list", async (context) => {
  const world = await WorkloadApiWorld.start(context, noHold);
  await assert.rejects(world.fetchJwt(["s"]), { code: "ERR_NO_IDENTITY", status: "permissionDenied" });
});

test("WAPI-53: of two entries with one hint only the older has a token", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.identities.put(
    { entryId: "1", path: "/old", selectors, hint: "h" },
    { entryId: "2", path: "/new", selectors, hint: "h" },
  );
  const { svids } = await world.fetchJwt(["s"]);
  assert.deepEqual(
    svids.map(({ spiffe_id }) => spiffe_id),
    ["spiffe://a.test/old"],
  );
});

test("a server that cannot be asked makes the call Unavailable: all tokens or none", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  entitle(world);
  world.identities.jwtFailure = agentErrors.error("ERR_JWT_UNAVAILABLE", "could not fetch JWT-SVID");
  await assert.rejects(world.fetchJwt(["s"]), { code: "ERR_JWT_UNAVAILABLE", status: "unavailable" });
});

test("a caller that becomes another while its token is made does not get it", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  entitle(world);
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const original = world.identities.jwtSvid.bind(world.identities);
  world.identities.jwtSvid = async (entryId, audience) => {
    await gate;
    return await original(entryId, audience);
  };
  const call = world.fetchJwt(["s"]);
  const refused = assert.rejects(call, { code: "ERR_CALLER_MISMATCH", status: "permissionDenied" });
  await eventually(() => world.attestation.asked === 1);
  world.attestation.set("unix:uid:2000");
  release();
  await refused;
});

test("a caller that has nothing yet is held, and gets its token when its entry comes", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const call = world.fetchJwt(["s"]);
  await eventually(() => world.attestation.asked === 1);
  world.putWeb();
  assert.equal((await call).svids[0]?.spiffe_id, "spiffe://a.test/web");
});
