/**
 * What our gRPC layer costs beside bare node:http2: CPU of the server's thread per unary call, 16 connections with one
 * call each, the two taking turns. `node bench/rpc.ts [rounds]`. Lower quartile, and the ratio.
 */
import { type ClientHttp2Session, connect, performServerHandshake } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { RpcRouter } from "../transport/index.ts";
import { transportLimits } from "../transport/limits.ts";
import { serverDeps } from "../transport/server/listener.ts";
import { RpcServer } from "../transport/server/rpc-server.ts";

const connections = 16;
const windowMs = 400;
const path = "/bench.Echo/Echo";
const request = Buffer.concat([Buffer.from([0, 0, 0, 0, 40]), Buffer.alloc(40, 7)]);

interface Order {
  readonly port: number;
  readonly ms: number;
}

/** Both sides of the closed loop: the thread that calls. */
function serveOrders(): void {
  const sessions = new Map<number, readonly ClientHttp2Session[]>();
  parentPort?.on("message", async ({ port, ms }: Order) => {
    const own = sessions.get(port) ?? Array.from({ length: connections }, () => connect(`http://127.0.0.1:${port}`));
    sessions.set(port, own);
    const end = performance.now() + ms;
    const counts = await Promise.all(
      own.map(async (session) => {
        let count = 0;
        for (; performance.now() < end; count += 1) await call(session);
        return count;
      }),
    );
    parentPort?.postMessage(counts.reduce((sum, count) => sum + count, 0));
  });
}

function call(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-timeout": "30S",
    });
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    stream.on("error", reject);
    stream.on("close", () => (bytes === request.length ? resolve() : reject(new Error("a call was not answered"))));
    stream.end(request);
  });
}

/** As little as a unary gRPC server can do. */
function bare(socket: Socket): void {
  const session = performServerHandshake(socket, { settings: { enablePush: false } });
  session.on("error", () => {});
  session.on("stream", (stream) => {
    const parts: Buffer[] = [];
    stream.on("error", () => {});
    stream.on("data", (chunk: Buffer) => parts.push(chunk));
    stream.on("end", () => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.concat(parts));
    });
  });
}

function ours(): (socket: Socket) => void {
  const same = <T>(value: T): T => value;
  const router = new RpcRouter().unary(
    {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: same<Buffer>,
      requestDeserialize: same<Buffer>,
      responseSerialize: same<Buffer>,
      responseDeserialize: same<Buffer>,
    },
    async (message) => message,
  );
  const admission = { enter: () => true, leave: () => {} };
  const server = new RpcServer(
    serverDeps({ router }, { name: "tcp", limits: transportLimits.tcp, admission }),
    () => {},
  );
  return (socket) =>
    server.serve(socket, { kind: "tls", connectionId: "bench", address: "127.0.0.1", port: 1, svid: undefined });
}

async function listen(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer({ noDelay: true }, serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return portOf(server.address());
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new TypeError("not a TCP address");
  return address.port;
}

async function compare(rounds: number): Promise<void> {
  const caller = new Worker(new URL(import.meta.url));
  const cost = async (port: number): Promise<number> => {
    const before = process.threadCpuUsage();
    const count = await new Promise<number>((resolve) => {
      caller.once("message", resolve);
      caller.postMessage({ port, ms: windowMs } satisfies Order);
    });
    const used = process.threadCpuUsage(before);
    return (used.user + used.system) / count;
  };
  const rows = [
    { name: "bare node:http2", port: await listen(bare), costs: [] as number[] },
    { name: "our layer", port: await listen(ours()), costs: [] as number[] },
  ];
  for (const { port } of rows) for (let count = 0; count < 6; count += 1) await cost(port);
  for (let round = 0; round < rounds; round += 1) for (const { port, costs } of rows) costs.push(await cost(port));
  const quartiles = rows.map(({ costs }) => costs.toSorted((a, b) => a - b)[Math.floor(rounds / 4)] ?? Number.NaN);
  for (const [index, { name }] of rows.entries()) {
    const us = quartiles[index] ?? Number.NaN;
    console.log(
      `${name.padEnd(20)} ${us.toFixed(1).padStart(8)} µs CPU  ${(us / (quartiles[0] ?? 1)).toFixed(2)} × bare`,
    );
  }
  process.exit(0);
}

if (isMainThread) await compare(Number(process.argv[2] ?? 12));
else serveOrders();
