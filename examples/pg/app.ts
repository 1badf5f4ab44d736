import { setInterval } from "node:timers/promises";
import { Pool } from "pg";
import { id, memberOf, pgOptions, X509Source } from "../../sdk/index.ts";

const { SERVER_ID: server, LIFETIME: lifetime = "1800" } = process.env;
const source = await X509Source.open();
const authorize = server === undefined ? memberOf(source.svid.id.trustDomain) : id(server);

// Host and port as ever: PGHOST, PGPORT. There is no password: PostgreSQL knows us by our SVID.
const pool = new Pool({
  ...pgOptions(source, { authorize }),
  database: "shop",
  user: "shop",
  // New connections show the newest SVID; this is how long one may last.
  maxLifetimeSeconds: Number(lifetime),
});

const whoAmI = "select current_user as me, version as tls, client_serial from pg_stat_ssl where pid = pg_backend_pid()";
for await (const _ of setInterval(500)) {
  const { rows } = await pool.query(whoAmI);
  for (const { me, tls, client_serial } of rows)
    console.log(`I am ${me} over ${tls} with certificate ${client_serial}`);
}
