/** Judged by clients that nobody here wrote: grpc-js calls, proto-loader reads the descriptors. */
import assert from "node:assert/strict";
import { test } from "node:test";
import grpc from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer, loadSync } from "@grpc/proto-loader";
import protobuf from "protobufjs";
import type { ServerReflectionRequest } from "../../proto/gen/grpc/reflection/v1/ServerReflectionRequest.ts";
import type { ServerReflectionResponse__Output } from "../../proto/gen/grpc/reflection/v1/ServerReflectionResponse.ts";
import { healthService, reflectionAlphaService, reflectionService } from "../../proto/services.ts";
import { rawCall } from "../../test/fakes/raw-grpc.ts";
import { Reader, WorkloadApiWorld } from "../../test/fakes/workload-api-world.ts";

const all = [
  "SpiffeWorkloadAPI",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];
const notFound = 5;
const invalidArgument = 3;

/** One stream of a grpc-js client; no header is sent. */
function reflect({ path }: WorkloadApiWorld, { ServerReflectionInfo } = reflectionService) {
  const client = new grpc.Client(`unix:${path}`, grpc.credentials.createInsecure());
  const call = client.makeBidiStreamRequest<ServerReflectionRequest, ServerReflectionResponse__Output>(
    ServerReflectionInfo.path,
    (request) => Buffer.from(ServerReflectionInfo.requestSerialize(request)),
    ServerReflectionInfo.responseDeserialize,
  );
  call.on("error", () => {
    // Told by the iterator; after the end of a test by nobody.
  });
  const responses: AsyncIterator<ServerReflectionResponse__Output> = call[Symbol.asyncIterator]();
  return {
    async ask(request: ServerReflectionRequest): Promise<ServerReflectionResponse__Output> {
      call.write(request);
      const { done, value } = await responses.next();
      assert.notEqual(done, true, "the stream ended");
      return value;
    },
    async end(): Promise<number> {
      const status = new Promise<grpc.StatusObject>((resolve) => call.on("status", resolve));
      call.end();
      assert.equal((await responses.next()).done, true);
      return (await status).code;
    },
    [Symbol.dispose](): void {
      call.cancel();
      client.close();
    },
  };
}

function loaded(answer: ServerReflectionResponse__Output) {
  const files = answer.file_descriptor_response?.file_descriptor_proto ?? [];
  const set = new protobuf.Writer();
  for (const file of files) set.uint32(10).bytes(file);
  return loadFileDescriptorSetFromBuffer(Buffer.from(set.finish()), { keepCase: true });
}

for (const [version, service] of [
  ["v1", reflectionService],
  ["v1alpha", reflectionAlphaService],
] as const) {
  test(`WEP-34: ${version} lists the services of the socket and describes every method of them, to anybody`, async (context) => {
    const world = await WorkloadApiWorld.start(context);
    using stream = reflect(world, service);
    const { list_services_response } = await stream.ask({ list_services: "" });
    assert.deepEqual(
      list_services_response?.service.map(({ name }) => name),
      all,
    );
    for (const name of all) {
      const definition = loaded(await stream.ask({ file_containing_symbol: name }))[name];
      assert.ok(definition !== undefined, name);
      for (const { path, requestStream, responseStream } of Object.values(definition)) {
        const kind = requestStream ? "bidi" : responseStream ? "server-stream" : "unary";
        assert.equal(world.router.method(path)?.kind, kind, path);
      }
    }
    assert.equal(await stream.end(), grpc.status.OK);
    assert.equal(world.attestation.asked, 0);
  });
}

test("the descriptors are read as the sources are", async (context) => {
  using stream = reflect(await WorkloadApiWorld.start(context));
  for (const name of ["spiffe/workload/workload.proto", "grpc/health/v1/health.proto"]) {
    const described = loaded(await stream.ask({ file_by_filename: name }));
    const sources = loadSync(name, { includeDirs: ["proto"], keepCase: true });
    assert.deepEqual(Object.keys(described).sort(), Object.keys(sources).sort());
    for (const [type, { format, ...parts }] of Object.entries(sources)) {
      assert.equal(described[type]?.format, format);
      // Of google.protobuf.Struct the judge has names in camel case.
      if (!("type" in parts) || type.startsWith("google.protobuf.")) continue;
      const found = described[type];
      assert.ok(found !== undefined && "type" in found);
      assert.deepEqual(fieldsOf(found.type), fieldsOf(parts.type), type);
    }
  }
});

/** What a message is on the wire; a map is what it is there. */
function fieldsOf(type: object): readonly unknown[] {
  const fields = "field" in type && Array.isArray(type.field) ? type.field : [];
  return fields.map(({ name, number, label, type: kind }) => [name, number, label, kind]);
}

test("methods, messages, fields, map entries, enums and their values are found by name", async (context) => {
  using stream = reflect(await WorkloadApiWorld.start(context));
  for (const symbol of [
    "SpiffeWorkloadAPI.FetchX509SVID",
    "X509SVID",
    "X509SVID.spiffe_id",
    "X509SVIDResponse.FederatedBundlesEntry",
    "google.protobuf.Value.kind",
    "google.protobuf.NULL_VALUE",
    "grpc.health.v1.HealthCheckResponse.ServingStatus",
    "grpc.health.v1.HealthCheckResponse.SERVING",
  ]) {
    const answer = await stream.ask({ host: "a", file_containing_symbol: symbol });
    assert.equal(answer.message_response, "file_descriptor_response", symbol);
    assert.equal(answer.valid_host, "a");
    assert.equal(answer.original_request?.file_containing_symbol, symbol);
  }
  const numbers = await stream.ask({ all_extension_numbers_of_type: "X509SVID" });
  assert.deepEqual(numbers.all_extension_numbers_response, { base_type_name: "X509SVID", extension_number: [] });
});

test("what is not there is NOT_FOUND, no question is INVALID_ARGUMENT, and the stream goes on", async (context) => {
  using stream = reflect(await WorkloadApiWorld.start(context));
  const cases: readonly (readonly [ServerReflectionRequest, number])[] = [
    [{ file_containing_symbol: "" }, notFound],
    [{ file_containing_symbol: "SpiffeWorkloadAPI.Nothing" }, notFound],
    [{ file_containing_symbol: ".SpiffeWorkloadAPI" }, notFound],
    [{ file_containing_symbol: "__proto__" }, notFound],
    [{ file_containing_symbol: "spire.api.server.entry.v1.Entry" }, notFound],
    [{ file_by_filename: "" }, notFound],
    [{ file_by_filename: "../proto/spiffe/workload/workload.proto" }, notFound],
    [{ file_by_filename: "x".repeat(1_000_000) }, notFound],
    [{ file_containing_extension: { containing_type: "X509SVID", extension_number: -1 } }, notFound],
    [{ all_extension_numbers_of_type: "constructor" }, notFound],
    [{ host: "nobody" }, invalidArgument],
    [{}, invalidArgument],
  ];
  for (const [request, code] of cases) {
    const { error_response, file_descriptor_response } = await stream.ask(request);
    assert.equal(error_response?.error_code, code, JSON.stringify(request).slice(0, 100));
    assert.equal(file_descriptor_response ?? undefined, undefined);
  }
  assert.equal((await stream.ask({ list_services: "*" })).list_services_response?.service.length, all.length);
});

test("bytes that are no request end that stream with INVALID_ARGUMENT, and nothing else", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  const { path } = reflectionService.ServerReflectionInfo;
  using other = reflect(world);
  await other.ask({ list_services: "" });
  for (const hex of ["ff", "220161ff", "2a02ff", "2202c328"]) {
    assert.equal((await rawCall(world.path, path, {}, Buffer.from(hex, "hex"))).status, invalidArgument, hex);
  }
  assert.equal((await other.ask({ list_services: "" })).message_response, "list_services_response");
  assert.equal((await world.channel.unary(healthService.Check, {})).status, 1);
});

test("a service that is added to the socket is listed, too", async (context) => {
  const world = await WorkloadApiWorld.start(context);
  world.router.unary({ ...healthService.Check, path: "/a.test.Added/Check" }, async () => new Uint8Array());
  const call = world.channel.bidi(reflectionService.ServerReflectionInfo);
  call.send({ list_services: "" });
  const answer = await new Reader(call.responses).next();
  assert.deepEqual(
    answer.list_services_response?.service.map(({ name }) => name),
    ["SpiffeWorkloadAPI", "a.test.Added", ...all.slice(1)],
  );
  call.cancel();
});
