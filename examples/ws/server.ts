import { WebSocketServer } from "ws";
import { createHttpsServer, memberOf, peerOf, X509Source } from "../../sdk/index.ts";

const source = await X509Source.open();
const authorize = memberOf(source.svid.id.trustDomain);
const server = createHttpsServer(source, { authorize });

new WebSocketServer({ server }).on("connection", (socket, request) => {
  const { id, leaf } = peerOf(request);
  socket.on("message", () => {
    socket.send(`hello ${id}, your certificate is good until ${new Date(leaf.notAfter).toISOString()}`);
  });
});

server.listen(Number(process.env["PORT"] ?? 8443), () => console.log("ready"));
