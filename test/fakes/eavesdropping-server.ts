import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { encodePem } from "../../certs/index.ts";
import type { X509Svid } from "../../spiffe/index.ts";

export interface EavesdroppingOptions {
  readonly svid: X509Svid;
  /** What is said in the clear before TLS; `false`: there will be none. */
  readonly negotiate?: (socket: Socket) => Promise<boolean>;
  readonly tls?: TlsOptions;
  /** What it says at once over TLS. */
  readonly greeting?: string | Buffer;
  /** What it says to what it is told over TLS. */
  readonly answer?: (said: string) => string;
}

/** A TLS server for any protocol that writes down what it is told, in the clear and over TLS. */
export class EavesdroppingServer implements AsyncDisposable {
  /** Application data over TLS, all connections. */
  heard = "";
  /** What came in the clear where TLS was not begun. */
  heardInTheClear = "";
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start({ svid, negotiate, tls, greeting, answer }: EavesdroppingOptions): Promise<EavesdroppingServer> {
    const server = createServer();
    const it = new EavesdroppingServer(server);
    const over = createTlsServer({
      cert: svid.chain.map(({ der }) => encodePem("CERTIFICATE", der)).join(""),
      key: svid.key.export({ type: "pkcs8", format: "pem" }),
      requestCert: true,
      rejectUnauthorized: false,
      ...tls,
    });
    over.on("secureConnection", (socket) => {
      socket.on("error", () => {});
      if (greeting !== undefined) socket.write(greeting);
      socket.on("data", (chunk) => {
        const said = chunk.toString("latin1");
        it.heard += said;
        server.emit("heard");
        if (answer !== undefined) socket.write(answer(said));
      });
    });
    server.on("connection", async (socket) => {
      it.#sockets.add(socket);
      socket.on("error", () => {}).on("close", () => it.#sockets.delete(socket));
      try {
        if ((await negotiate?.(socket)) !== false) over.emit("connection", socket);
        else
          socket.on("data", (chunk) => {
            it.heardInTheClear += chunk.toString("latin1");
          });
      } catch {
        socket.destroy();
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return it;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Waits for application data. */
  async hears(what: string): Promise<void> {
    while (!this.heard.includes(what)) await once(this.#server, "heard");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
