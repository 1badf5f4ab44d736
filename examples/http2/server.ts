import { createHttp2SecureServer, memberOf, peerOf, X509Source } from "../../sdk/index.ts";

const source = await X509Source.open();
const authorize = memberOf(source.svid.id.trustDomain);

createHttp2SecureServer(source, { authorize }, (request, response) => {
  const { id, leaf } = peerOf(request);
  response.end(`hello ${id}, your certificate is good until ${new Date(leaf.notAfter).toISOString()}`);
}).listen(Number(process.env["PORT"] ?? 8443), () => console.log("ready"));
