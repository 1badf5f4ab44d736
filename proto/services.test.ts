import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  agentDebugService,
  agentLoggerService,
  agentService,
  bundleService,
  debugService,
  entryService,
  healthService,
  localAuthorityService,
  loggerService,
  reflectionAlphaService,
  reflectionService,
  revocationService,
  svidService,
  syncService,
  trustDomainService,
  workloadApiService,
} from "./services.ts";

const services = [
  {
    source: "spire/api/server/agent/v1/agent.proto",
    prefix: "/spire.api.server.agent.v1.Agent/",
    service: agentService,
  },
  {
    source: "spire/api/server/entry/v1/entry.proto",
    prefix: "/spire.api.server.entry.v1.Entry/",
    service: entryService,
  },
  { source: "spire/api/server/svid/v1/svid.proto", prefix: "/spire.api.server.svid.v1.SVID/", service: svidService },
  {
    source: "spire/api/server/bundle/v1/bundle.proto",
    prefix: "/spire.api.server.bundle.v1.Bundle/",
    service: bundleService,
  },
  {
    source: "spire/api/server/localauthority/v1/localauthority.proto",
    prefix: "/spire.api.server.localauthority.v1.LocalAuthority/",
    service: localAuthorityService,
  },
  {
    source: "countersign/server/localauthority/v1/revocation.proto",
    prefix: "/countersign.server.localauthority.v1.Revocation/",
    service: revocationService,
  },
  {
    source: "spire/api/server/debug/v1/debug.proto",
    prefix: "/spire.api.server.debug.v1.Debug/",
    service: debugService,
  },
  {
    source: "spire/api/server/logger/v1/logger.proto",
    prefix: "/spire.api.server.logger.v1.Logger/",
    service: loggerService,
  },
  {
    source: "spire/api/server/trustdomain/v1/trustdomain.proto",
    prefix: "/spire.api.server.trustdomain.v1.TrustDomain/",
    service: trustDomainService,
  },
  {
    source: "countersign/server/sync/v1/sync.proto",
    prefix: "/countersign.server.sync.v1.Sync/",
    service: syncService,
  },
  {
    source: "spire/agent/debug/v1/debug.proto",
    prefix: "/spire.agent.debug.v1.Debug/",
    service: agentDebugService,
  },
  {
    source: "spire/api/agent/logger/v1/logger.proto",
    prefix: "/spire.api.agent.logger.v1.Logger/",
    service: agentLoggerService,
  },
  { source: "grpc/health/v1/health.proto", prefix: "/grpc.health.v1.Health/", service: healthService },
  {
    source: "grpc/reflection/v1/reflection.proto",
    prefix: "/grpc.reflection.v1.ServerReflection/",
    service: reflectionService,
  },
  {
    source: "grpc/reflection/v1alpha/reflection.proto",
    prefix: "/grpc.reflection.v1alpha.ServerReflection/",
    service: reflectionAlphaService,
  },
  { source: "spiffe/workload/workload.proto", prefix: "/SpiffeWorkloadAPI/", service: workloadApiService },
];

describe("services", () => {
  for (const { source, prefix, service } of services) {
    it(`has exactly the methods of ${source}, streaming as declared`, () => {
      const text = readFileSync(new URL(source, import.meta.url), "utf8");
      const declared = [...text.matchAll(/rpc (\w+)\((stream )?[\w.]+\) returns \((stream )?[\w.]+\)/g)];
      assert.deepEqual(Object.keys(service).sort(), declared.map((match) => match[1]).sort());
      const methods = new Map(Object.entries(service));
      for (const [, name, requestStream, responseStream] of declared) {
        const method = methods.get(name ?? "");
        assert.equal(method?.path, prefix + name);
        assert.equal(method?.requestStream, requestStream !== undefined);
        assert.equal(method?.responseStream, responseStream !== undefined);
      }
    });
  }

  it("decodes what it encoded, with defaults, decimal int64 and presence of optional messages", () => {
    const bytes = Buffer.from(
      entryService.GetEntry.responseSerialize({
        id: "e1",
        expires_at: "9223372036854775807",
        additional_attributes: {},
      }),
    );
    const entry = entryService.GetEntry.responseDeserialize(bytes);
    assert.equal(entry.expires_at, "9223372036854775807");
    assert.equal(entry.created_at, "0");
    assert.equal(entry.spiffe_id, null);
    assert.deepEqual(entry.selectors, []);
    assert.deepEqual(
      { ...entry.additional_attributes },
      { disable_x509_svid_prefetch: false, jwt_svid_include_jti: false },
    );
    const bare = entryService.GetEntry.responseDeserialize(Buffer.alloc(0));
    assert.equal(bare.additional_attributes ?? undefined, undefined);
  });

  it("tells which arm of a oneof is set", () => {
    const bytes = Buffer.from(agentService.AttestAgent.requestSerialize({ challenge_response: Buffer.from([1, 2]) }));
    const request = agentService.AttestAgent.requestDeserialize(bytes);
    assert.equal(request.step, "challenge_response");
    assert.deepEqual(request.challenge_response, Buffer.from([1, 2]));
  });

  it("throws on bytes that are no such message", () => {
    for (const hex of ["0a", "0aff", "ff", "0a0f61", "0a02c328", "0dffff", "0b0b0b"]) {
      assert.throws(() => entryService.GetEntry.requestDeserialize(Buffer.from(hex, "hex")), hex);
    }
  });

  it("survives nesting far deeper than any message of ours", () => {
    const deep = Buffer.alloc(2_000_000, 0x1b);
    assert.throws(() => entryService.GetEntry.requestDeserialize(deep));
  });
});
