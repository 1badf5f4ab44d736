import { once } from "node:events";
import { setInterval } from "node:timers/promises";
import { WebSocket } from "ws";
import { createHttpsAgent, id, memberOf, X509Source } from "../../sdk/index.ts";

const { URL: url = "wss://localhost:8443/", SERVER_ID: server } = process.env;
const source = await X509Source.open();
const authorize = server === undefined ? memberOf(source.svid.id.trustDomain) : id(server);
const agent = createHttpsAgent(source, { authorize });

for await (const _ of setInterval(500)) {
  // Each opening shows the newest SVID; an open socket stays with the one it began with.
  const socket = new WebSocket(url, { agent });
  await once(socket, "open");
  socket.send("hello");
  const [answer] = await once(socket, "message");
  console.log(String(answer));
  socket.close();
}
