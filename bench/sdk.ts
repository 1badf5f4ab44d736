/**
 * What the SDK's mutual TLS costs beside plain node:tls with one fixed CA, the two taking turns:
 * `node bench/sdk.ts [rounds]`. CPU of both sides' threads per handshake and per MiB (lower quartiles and ratio), time
 * of `open()`, memory of 1,000 connections, and CPU of a rotation while they are open.
 */
import type { Server, Socket } from "node:net";
import { connect, createServer, type TLSSocket, type TlsOptions } from "node:tls";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { encodePem, encodePkcs8 } from "../certs/index.ts";
import { connectTls, createTlsServer, id, memberOf, X509Source } from "../sdk/index.ts";
import { afterChange, TestIssuer, TestWorkloadApi } from "../sdk/testing/index.ts";

const inFlight = 8;
const handshakes = 200;
const mebibytes = 64;
const crowd = 1_000;
const kinds = ["ours", "plain"] as const;
type Kind = (typeof kinds)[number];

/** PEM of an SVID, its key and its roots: what plain node:tls takes. */
type Pems = Required<Pick<TlsOptions, "key" | "cert" | "ca">>;

type Order =
  | { readonly do: "handshakes"; readonly kind: Kind; readonly port: number; readonly count: number }
  | { readonly do: "receive"; readonly kind: Kind; readonly port: number }
  | { readonly do: "hold"; readonly kind: Kind; readonly port: number; readonly count: number }
  | { readonly do: "drop" };

interface Done {
  readonly cpuUs: number;
  readonly ms: number;
}

/** The clients' thread: a workload of its own. */
async function client(endpoint: string, pems: Pems): Promise<void> {
  const source = await X509Source.open({ endpoint });
  const held: TLSSocket[] = [];
  const dial = (kind: Kind, port: number): Promise<TLSSocket> =>
    kind === "ours"
      ? connectTls(source, { host: "127.0.0.1", port, authorize: id("spiffe://example.org/db") })
      : new Promise((resolve, reject) => {
          const checked = { ...pems, minVersion: "TLSv1.3", checkServerIdentity: () => undefined } as const;
          const socket = connect({ host: "127.0.0.1", port, ...checked }, () => resolve(socket));
          socket.once("error", reject);
        });
  const greeted = async (kind: Kind, port: number): Promise<TLSSocket> => {
    const socket = await dial(kind, port);
    await new Promise((resolve) => socket.once("data", resolve));
    return socket;
  };
  const carryOut = async (order: Order): Promise<void> => {
    if (order.do === "drop") {
      for (const socket of held.splice(0)) socket.destroy();
    } else if (order.do === "receive") {
      const socket = await dial(order.kind, order.port);
      let left = mebibytes * 1024 * 1024;
      await new Promise<void>((resolve) => {
        socket.on("data", (bytes: Buffer) => {
          left -= bytes.length;
          if (left <= 0) resolve();
        });
      });
      socket.destroy();
    } else {
      let left = order.count;
      const worker = async (): Promise<void> => {
        for (; left > 0; ) {
          left -= 1;
          const socket = await greeted(order.kind, order.port);
          if (order.do === "hold") held.push(socket);
          else socket.destroy();
        }
      };
      await Promise.all(Array.from({ length: inFlight }, worker));
    }
  };
  parentPort?.on("message", async (order: Order) => {
    const [before, start] = [process.threadCpuUsage(), performance.now()];
    await carryOut(order);
    const { user, system } = process.threadCpuUsage(before);
    parentPort?.postMessage({ cpuUs: user + system, ms: performance.now() - start } satisfies Done);
  });
  parentPort?.postMessage("ready");
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("not a TCP address");
  return address.port;
}

const greet = (socket: Socket): void => void socket.on("error", () => {}).write("x");

const chunk = Buffer.alloc(1024 * 1024, 7);
function pour(socket: Socket): void {
  let left = mebibytes;
  socket.on("error", () => {});
  const more = (): void => {
    for (; left > 0; ) {
      left -= 1;
      if (!socket.write(chunk)) return;
    }
  };
  socket.on("drain", more);
  more();
}

function pemsOf(svid: X509Source["svid"], issuer: TestIssuer): Pems {
  return {
    key: encodePem("PRIVATE KEY", encodePkcs8(svid.key)),
    cert: svid.chain.map(({ der }) => encodePem("CERTIFICATE", der)).join(""),
    ca: issuer.bundle.x509Authorities.map(({ certificate }) => encodePem("CERTIFICATE", certificate.der)).join(""),
  };
}

async function compare(rounds: number): Promise<void> {
  const issuer = TestIssuer.create();
  const [web, db] = [
    await TestWorkloadApi.start({ issuer, svids: ["/web"] }),
    await TestWorkloadApi.start({ issuer, svids: ["/db"] }),
  ];
  const opened: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    const start = performance.now();
    const source = await X509Source.open({ endpoint: db.endpoint });
    opened.push(performance.now() - start);
    await source.close();
  }
  const source = await X509Source.open({ endpoint: db.endpoint });
  const options: TlsOptions = { ...pemsOf(source.svid, issuer), requestCert: true, minVersion: "TLSv1.3" };
  const serve = (kind: Kind, handler: (socket: Socket) => void): Server =>
    kind === "ours"
      ? createTlsServer(source, { authorize: memberOf("example.org") }, handler)
      : createServer(options, handler);
  const caller = new Worker(new URL(import.meta.url), {
    env: {
      ...process.env,
      BENCH_ENDPOINT: web.endpoint,
      BENCH_PEMS: JSON.stringify(pemsOf(web.svids[0] ?? source.svid, issuer)),
    },
  });
  const answer = <T>(): Promise<T> => new Promise((resolve) => caller.once("message", resolve));
  await answer();
  const ask = async (order: Order): Promise<Done> => {
    const before = process.threadCpuUsage();
    caller.postMessage(order);
    const { cpuUs, ms } = await answer<Done>();
    const { user, system } = process.threadCpuUsage(before);
    return { cpuUs: cpuUs + user + system, ms };
  };
  const greeters = { ours: serve("ours", greet), plain: serve("plain", greet) };
  const pourers = { ours: serve("ours", pour), plain: serve("plain", pour) };
  const ports = new Map<Server, number>();
  for (const server of [...Object.values(greeters), ...Object.values(pourers)])
    ports.set(server, await listening(server));
  const portOf = (server: Server): number => ports.get(server) ?? 0;

  const figures = { handshake: newFigures(), rate: newFigures(), mebibyte: newFigures() };
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of kinds) {
      const done = await ask({ do: "handshakes", kind, port: portOf(greeters[kind]), count: handshakes });
      figures.handshake[kind].push(done.cpuUs / handshakes);
      figures.rate[kind].push((done.ms * 1000) / handshakes);
      const poured = await ask({ do: "receive", kind, port: portOf(pourers[kind]) });
      figures.mebibyte[kind].push(poured.cpuUs / mebibytes);
    }
  }
  for (const [name, { ours, plain }] of Object.entries(figures)) {
    const [a, b] = [quartile(ours), quartile(plain)];
    report(`${name}: ${a.toFixed(1)} us, plain ${b.toFixed(1)} us, ratio ${(a / b).toFixed(2)}`);
  }
  report(`open(): ${quartile(opened).toFixed(1)} ms to the first SVID`);
  const idle = await rotationCost(source, db);
  // Once each before it counts: the first crowd also makes the heap grow to its size.
  for (const kind of kinds) {
    await ask({ do: "hold", kind, port: portOf(greeters[kind]), count: crowd });
    await ask({ do: "drop" });
  }
  for (const kind of kinds) {
    const before = memory();
    await ask({ do: "hold", kind, port: portOf(greeters[kind]), count: crowd });
    report(`${kind}: ${((memory() - before) / crowd).toFixed(1)} KiB of RSS per connection, both ends`);
    if (kind === "ours") {
      const busy = await rotationCost(source, db);
      report(`a rotation: ${busy.toFixed(1)} ms CPU with ${crowd} connections, ${idle.toFixed(1)} ms with none`);
    }
    await ask({ do: "drop" });
  }
  process.exit();
}

async function rotationCost(source: X509Source, api: TestWorkloadApi): Promise<number> {
  const costs: number[] = [];
  for (let round = 0; round < 10; round += 1) {
    const before = process.threadCpuUsage();
    await afterChange(source, () => api.rotate());
    const { user, system } = process.threadCpuUsage(before);
    costs.push((user + system) / 1000);
  }
  return quartile(costs);
}

function newFigures(): Record<Kind, number[]> {
  return { ours: [], plain: [] };
}

function memory(): number {
  return process.memoryUsage.rss() / 1024;
}

function quartile(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 4)] ?? Number.NaN;
}

function report(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (isMainThread) await compare(Number(process.argv[2] ?? 8));
else await client(process.env["BENCH_ENDPOINT"] ?? "", JSON.parse(process.env["BENCH_PEMS"] ?? "{}"));
