import fastify from "fastify";
import { httpsServerFactory, memberOf, peerOf, X509Source } from "../../sdk/index.ts";

const source = await X509Source.open();
const authorize = memberOf(source.svid.id.trustDomain);
const app = fastify({ serverFactory: httpsServerFactory(source, { authorize }) });

app.get("/", (request) => {
  const { id, leaf } = peerOf(request.raw);
  return `hello ${id}, your certificate is good until ${new Date(leaf.notAfter).toISOString()}`;
});

await app.listen({ port: Number(process.env["PORT"] ?? 8443) });
console.log("ready");
