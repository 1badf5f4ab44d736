// What a user of the published package writes: the tests copy this file into an empty project, compile it there in
// several ways, and run it. `WEB_SOCKET` and `DB_SOCKET` are the Workload APIs of two workloads of one.test.
import { deepEqual, equal, rejects } from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Server } from "node:net";
import {
  BundleSource,
  bearerHandler,
  callerOf,
  connectHttp2,
  connectTls,
  createHttp2SecureServer,
  createHttpsServer,
  createTlsServer,
  id,
  JwtSource,
  memberOf,
  peerOf,
  withJwtSvid,
  X509Source,
} from "@countersign/workload";

const db = "spiffe://one.test/db";
const web = "spiffe://one.test/web";

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function httpsAndFetch(server: X509Source, client: X509Source): Promise<string> {
  const listening = createHttpsServer(server, { authorize: memberOf("one.test") }, (request, response) => {
    response.end(`hello ${peerOf(request).id}`);
  });
  const url = `https://127.0.0.1:${await portOf(listening)}/`;
  const response = await client.fetch(url, { authorize: id(db) });
  const body = await response.text();
  await rejects(client.fetch(url, { authorize: id(web) }), (error: unknown) => {
    return error instanceof Error && "code" in error && error.code === "ERR_PEER_NOT_VERIFIED";
  });
  listening.close();
  return body;
}

async function http2(server: X509Source, client: X509Source): Promise<string> {
  const listening = createHttp2SecureServer(server, { authorize: id(web) }, (request, response) => {
    response.end(`hello ${peerOf(request).id}`);
  });
  const session = await connectHttp2(client, `https://127.0.0.1:${await portOf(listening)}`, { authorize: id(db) });
  let body = "";
  for await (const chunk of session.request({ ":path": "/" })) body += String(chunk);
  session.close();
  await once(session, "close");
  listening.close();
  return body;
}

async function rawTls(server: X509Source, client: X509Source): Promise<string> {
  const listening = createTlsServer(server, { authorize: id(web) }, (socket) => {
    socket.end(`hello ${peerOf(socket).id}`);
  });
  const port = await portOf(listening);
  const socket = await connectTls(client, { host: "127.0.0.1", port, authorize: id(db) });
  let body = "";
  for await (const chunk of socket) body += String(chunk);
  listening.close();
  return body;
}

async function bearer(serverSocket: string, clientSocket: string): Promise<string> {
  const bundles = await BundleSource.open({ endpoint: serverSocket, kinds: ["jwt"] });
  const tokens = await JwtSource.open({ endpoint: clientSocket, audiences: ["db"] });
  const handler = bearerHandler(bundles, { audience: "db", authorize: id(web) }, (request, response) => {
    response.end(`hello ${callerOf(request).id}`);
  });
  const listening = createServer(handler);
  const url = `http://127.0.0.1:${await portOf(listening)}/`;
  const response = await withJwtSvid(tokens, { audience: "db" }, (to, init) => fetch(to, init))(url);
  equal((await fetch(url)).status, 401);
  const body = await response.text();
  listening.close();
  listening.closeAllConnections();
  await Promise.all([bundles.close(), tokens.close()]);
  return body;
}

async function main(): Promise<void> {
  const { WEB_SOCKET = "", DB_SOCKET = "" } = process.env;
  const server = await X509Source.open({ endpoint: DB_SOCKET });
  const client = await X509Source.open({ endpoint: WEB_SOCKET });
  const answers = [
    await httpsAndFetch(server, client),
    await http2(server, client),
    await rawTls(server, client),
    await bearer(DB_SOCKET, WEB_SOCKET),
  ];
  deepEqual(
    answers,
    answers.map(() => `hello ${web}`),
  );
  await Promise.all([server.close(), client.close()]);
  process.stdout.write(`${answers.length} ways\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
