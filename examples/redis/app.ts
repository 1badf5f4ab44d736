import { setInterval } from "node:timers/promises";
import { Redis } from "ioredis";
import { id, ioredisOptions, memberOf, X509Source } from "../../sdk/index.ts";

const { HOST: host = "localhost", PORT: port = "6379", SERVER_ID: server } = process.env;
const source = await X509Source.open();
const authorize = server === undefined ? memberOf(source.svid.id.trustDomain) : id(server);

const redis = new Redis({ ...ioredisOptions(source, { authorize }), host, port: Number(port) });
redis.on("error", (error) => console.error(error.message));
// A connection stays with the SVID it began with; this begins a new one, and ioredis keeps the commands meanwhile.
source.onChange(() => redis.disconnect(true));

for await (const _ of setInterval(500)) {
  console.log(`visitor ${await redis.incr("visitors")} on connection ${await redis.client("ID")}`);
}
