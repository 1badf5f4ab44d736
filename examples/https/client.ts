import { setInterval } from "node:timers/promises";
import { id, memberOf, X509Source } from "../../sdk/index.ts";

const { URL: url = "https://localhost:8443/", SERVER_ID: server } = process.env;
const source = await X509Source.open();
const authorize = server === undefined ? memberOf(source.svid.id.trustDomain) : id(server);

for await (const _ of setInterval(500)) {
  const response = await source.fetch(url, { authorize });
  console.log(await response.text());
}
