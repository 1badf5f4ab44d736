import { setInterval } from "node:timers/promises";
import { grpcChannelCredentials } from "../../sdk/grpc/index.ts";
import { id, memberOf, X509Source } from "../../sdk/index.ts";
import { GreeterClient } from "./greeter.ts";

const { URL: address = "localhost:50051", SERVER_ID: server } = process.env;
const source = await X509Source.open();
const authorize = server === undefined ? memberOf(source.svid.id.trustDomain) : id(server);
const credentials = grpcChannelCredentials(source, { authorize });

function hello(): Promise<string> {
  // A program keeps its client, whose connection stays with the SVID it began with. Here each call connects anew.
  const client = new GreeterClient(address, credentials, { "grpc.use_local_subchannel_pool": 1 });
  return new Promise<string>((resolve, reject) => {
    client["Hello"]?.({}, (error: Error | null, reply: { readonly text: string }) => {
      if (error === null) resolve(reply.text);
      else reject(error);
    });
  }).finally(() => client.close());
}

for await (const _ of setInterval(500)) console.log(await hello());
