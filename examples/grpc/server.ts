import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { createGrpcServer } from "../../sdk/grpc/index.ts";
import { memberOf, peerOf, X509Source } from "../../sdk/index.ts";
import { greeter } from "./greeter.ts";

const source = await X509Source.open();
const authorize = memberOf(source.svid.id.trustDomain);
const server = createGrpcServer(source, { authorize });

server.addService(greeter, {
  Hello: (call: ServerUnaryCall<object, object>, done: sendUnaryData<object>) => {
    const { id, leaf } = peerOf(call);
    done(null, { text: `hello ${id}, your certificate is good until ${new Date(leaf.notAfter).toISOString()}` });
  },
});

await server.listen(Number(process.env["PORT"] ?? 50051));
console.log("ready");
