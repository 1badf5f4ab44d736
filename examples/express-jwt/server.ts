import express from "express";
import { BundleSource, bearerMiddleware, callerOf, memberOf, X509Source } from "../../sdk/index.ts";

const { svid } = await X509Source.open();
const bundles = await BundleSource.open();
const app = express();

// Verified here, with the newest keys: no call to the Workload API for a request.
app.use(bearerMiddleware(bundles, { audience: "orders", authorize: memberOf(svid.id.trustDomain) }));
app.get("/", (request, response) => {
  const { id, expiresAt } = callerOf(request);
  response.send(`hello ${id}, your token is good until ${new Date(expiresAt * 1000).toISOString()}`);
});

app.listen(Number(process.env["PORT"] ?? 8080), "127.0.0.1", () => console.log("ready"));
