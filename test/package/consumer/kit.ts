// The other entry points of the published package, in one program: the testing kit gives two workloads of two trust
// domains their identities, and one calls the other by grpc-js.
import { equal, rejects } from "node:assert/strict";
import { id, peerOf, X509Source } from "@countersign/workload";
import { createGrpcServer, grpcChannelCredentials } from "@countersign/workload/grpc";
import { TestIssuer, TestWorkloadApi } from "@countersign/workload/testing";
import { Client, type ServiceDefinition, type UntypedServiceImplementation } from "@grpc/grpc-js";

const bytes = (text: string): Buffer => Buffer.from(text);
const text = (given: Buffer): string => given.toString();

const hello = {
  path: "/test.Greeter/Hello",
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: text,
  responseSerialize: bytes,
  responseDeserialize: text,
} as const;
const service: ServiceDefinition = { hello };

function ask(client: Client): Promise<string> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(hello.path, hello.requestSerialize, hello.responseDeserialize, "hello", (error, answer) => {
      if (error !== null || answer === undefined) reject(error);
      else resolve(answer);
    });
  });
}

async function main(): Promise<void> {
  const [one, two] = [TestIssuer.create("one.test"), TestIssuer.create("two.test")];
  const db = await TestWorkloadApi.start({ issuer: one, svids: ["/db"], federatesWith: [two] });
  const web = await TestWorkloadApi.start({ issuer: two, svids: ["/web"], federatesWith: [one] });
  const server = await X509Source.open({ endpoint: db.endpoint });
  const client = await X509Source.open({ endpoint: web.endpoint });

  const listening = createGrpcServer(server, { authorize: id("spiffe://two.test/web") });
  const greeter: UntypedServiceImplementation = {
    hello: (call: Parameters<typeof peerOf>[0], done: (error: null, answer: string) => void) =>
      done(null, `hello ${peerOf(call).id}`),
  };
  listening.addService(service, greeter);
  const { port } = await listening.listen(0, "127.0.0.1");
  const right = new Client(
    `127.0.0.1:${port}`,
    grpcChannelCredentials(client, { authorize: id("spiffe://one.test/db") }),
  );
  const wrong = new Client(
    `127.0.0.1:${port}`,
    grpcChannelCredentials(client, { authorize: id("spiffe://one.test/x") }),
  );
  equal(await ask(right), "hello spiffe://two.test/web");
  await rejects(ask(wrong), /ERR_PEER_NOT_VERIFIED/);

  right.close();
  wrong.close();
  listening.forceShutdown();
  await Promise.all([server.close(), client.close(), db.close(), web.close()]);
  process.stdout.write("the kit and grpc\n");
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
