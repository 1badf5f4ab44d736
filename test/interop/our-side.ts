import type { Server } from "node:net";
import { createInterface } from "node:readline";
import type { TLSSocket } from "node:tls";
import {
  BundleSource,
  type ConnectionRefusal,
  connectTls,
  createTlsServer,
  id,
  JwtSource,
  type Peer,
  peerOf,
  X509Source,
  type X509SourceOptions,
} from "../../sdk/index.ts";

/** The workload on our SDK: sources, a server and calls that speak the lines of README.md. */
export class OurSide implements AsyncDisposable {
  readonly x509: X509Source;
  readonly bundles: BundleSource;
  readonly jwt: JwtSource;
  /** Who was served, and as what. */
  readonly served: Peer[] = [];
  readonly refusals: ConnectionRefusal[] = [];
  readonly #servers: Server[] = [];

  private constructor(x509: X509Source, bundles: BundleSource, jwt: JwtSource) {
    this.x509 = x509;
    this.bundles = bundles;
    this.jwt = jwt;
  }

  static async open(socket: string, options: X509SourceOptions = {}): Promise<OurSide> {
    const endpoint = `unix://${socket}`;
    return new OurSide(
      await X509Source.open({ endpoint, ...options }),
      await BundleSource.open({ endpoint }),
      await JwtSource.open({ endpoint }),
    );
  }

  /** A server for this peer only; returns its address. */
  async serve(peer: string): Promise<string> {
    const options = { authorize: id(peer), onRefused: (refusal: ConnectionRefusal) => this.refusals.push(refusal) };
    const server = createTlsServer(this.x509, options, (socket) => {
      this.served.push(peerOf(socket));
      socket.on("error", () => {});
      createInterface({ input: socket }).on("line", () => socket.write(`hello ${peerOf(socket).id}\n`));
    });
    this.#servers.push(server);
    return listen(server);
  }

  /** Says one line to the server that must be `peer`. */
  async call(address: string, peer: string): Promise<{ readonly greeting: string; readonly peer: Peer }> {
    const line = await Line.dial(this.x509, address, peer);
    try {
      return { greeting: await line.ask(), peer: line.peer };
    } finally {
      line.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.close();
    await Promise.all([this.x509.close(), this.bundles.close(), this.jwt.close()]);
  }
}

/** A connection that is kept. */
export class Line {
  readonly #socket: TLSSocket;
  readonly #lines: AsyncIterator<string>;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("error", () => {});
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  static async dial(source: X509Source, address: string, peer: string): Promise<Line> {
    const { hostname, port } = new URL(`tls://${address}`);
    return new Line(await connectTls(source, { host: hostname, port: Number(port), authorize: id(peer) }));
  }

  get peer(): Peer {
    return peerOf(this.#socket);
  }

  /** Says a line and returns the answer; rejects when the connection ends instead. */
  async ask(): Promise<string> {
    this.#socket.write("hello\n");
    const { done, value } = await this.#lines.next();
    if (done === true) throw new Error("the other side closed the connection without an answer");
    return value;
  }

  close(): void {
    this.#socket.destroy();
  }
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server does not listen on TCP");
  return `127.0.0.1:${address.port}`;
}
