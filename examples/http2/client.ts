import type { ClientHttp2Session } from "node:http2";
import { text } from "node:stream/consumers";
import { setInterval } from "node:timers/promises";
import { connectHttp2, id, memberOf, X509Source } from "../../sdk/index.ts";

const { URL: url = "https://localhost:8443", SERVER_ID: server } = process.env;
const source = await X509Source.open();
const authorize = server === undefined ? memberOf(source.svid.id.trustDomain) : id(server);

// A session stays with the SVID it began with. After a change the next request begins a new one.
let session: ClientHttp2Session | undefined;
let isOld = false;
source.onChange(() => {
  isOld = true;
});

for await (const _ of setInterval(500)) {
  if (isOld || session?.closed !== false) {
    isOld = false;
    session?.close();
    session = await connectHttp2(source, url, { authorize });
  }
  console.log(await text(session.request({ ":path": "/" })));
}
