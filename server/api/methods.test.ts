import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  agentService,
  bundleService,
  debugService,
  entryService,
  healthService,
  localAuthorityService,
  loggerService,
  revocationService,
  svidService,
  syncService,
  trustDomainService,
} from "../../proto/services.ts";
import { ServiceWorld } from "../../test/fakes/service-world.ts";
import { servedRpcs, unservedMethods } from "./methods.ts";
import { serverRouter } from "./register.ts";
import type { ServerServices } from "./server-services.ts";

const onTheWire = [
  agentService,
  bundleService,
  debugService,
  entryService,
  healthService,
  localAuthorityService,
  loggerService,
  revocationService,
  svidService,
  syncService,
  trustDomainService,
]
  .flatMap((service) => Object.values<{ readonly path: string }>({ ...service }))
  .map(({ path }) => path);

/** Registration touches none of them; a call would. */
function unreachableServices(): ServerServices {
  return new Proxy(Object.create(null), { get: (_target, name) => assert.fail(`used ${String(name)}`) });
}

describe("the methods of the registered services", () => {
  const router = serverRouter(new ServiceWorld().gate, unreachableServices());
  const declared = new Map(servedRpcs.map((rpc) => [rpc.method, rpc]));

  it("are each either served with a declaration, or listed as not served", () => {
    for (const path of onTheWire) {
      const isServed = router.method(path) !== undefined;
      assert.equal(declared.has(path), isServed, `${path}: served and declared must agree`);
      assert.equal(unservedMethods.includes(path), !isServed, `${path}: must be served or listed`);
    }
  });

  it("exist: nothing is declared that is not on the wire", () => {
    for (const path of [...declared.keys(), ...unservedMethods]) assert.ok(onTheWire.includes(path), path);
    assert.equal(declared.size, servedRpcs.length);
  });

  it("admit somebody, and let only attestation and the bundle be for anybody", () => {
    for (const { method, callers } of servedRpcs) assert.ok(callers.length > 0, method);
    const forAnybody = servedRpcs.filter(({ callers }) => callers.includes("any")).map(({ method }) => method);
    assert.deepEqual(forAnybody.sort(), [
      "/spire.api.server.agent.v1.Agent/AttestAgent",
      "/spire.api.server.bundle.v1.Bundle/GetBundle",
    ]);
  });

  it("of debugging and logging are for the admin socket only", () => {
    const own = servedRpcs.filter(({ method }) => /\.(debug|logger)\./.test(method));
    assert.equal(own.length, 4);
    for (const { method, callers } of own) assert.deepEqual(callers, ["local"], method);
  });

  it("never let an agent do what an administrator does, nor the reverse, but read public keys", () => {
    const shared = new Set(["/spire.api.server.bundle.v1.Bundle/GetFederatedBundle"]);
    for (const { method, callers } of servedRpcs) {
      if (shared.has(method)) continue;
      assert.ok(!(callers.includes("agent") && (callers.includes("local") || callers.includes("admin"))), method);
    }
  });
});
