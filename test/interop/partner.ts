import { createPrivateKey } from "node:crypto";
import { createInterface } from "node:readline";
import { connect, createServer, type SecureContextOptions, type Server } from "node:tls";
import { encodePem } from "../../certs/index.ts";
import { SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import { TestAuthority } from "../fakes/test-authority.ts";
import { listen } from "./our-side.ts";

const hourMs = 3_600_000;
const lifetime = { notBeforeMs: Date.now() - hourMs, notAfterMs: Date.now() + hourMs };

/** Another trust domain, federated with ours: with a member, and with a CA that oversteps and names members of ours. */
export class Partner {
  readonly authority: TestAuthority = new TestAuthority(TrustDomain.parse("partner.example"), lifetime);
  readonly #servers: Server[] = [];

  /** The bundle document that our side is given. */
  get document(): string {
    return this.authority.bundle().toJwks();
  }

  token(id: string, audience: string): string {
    const now = Math.floor(Date.now() / 1000);
    return this.authority.jwtSvid(SpiffeId.parse(id), [audience], now - 1, now + 60);
  }

  /** A server that calls itself `id`, believes everybody and answers each line; returns its address. */
  async serve(id: string): Promise<string> {
    const server = createServer({ ...this.#identity(id), requestCert: true, rejectUnauthorized: false }, (socket) => {
      socket.on("error", () => {});
      createInterface({ input: socket }).on("line", () => socket.write("hello from the partner\n"));
    });
    server.on("tlsClientError", () => {});
    this.#servers.push(server);
    return listen(server);
  }

  /** What the server at `address` answers to one who calls himself `id`; `undefined` when it turns him away. */
  call(address: string, id: string): Promise<string | undefined> {
    const { hostname, port } = new URL(`tls://${address}`);
    const socket = connect({ ...this.#identity(id), host: hostname, port: Number(port), rejectUnauthorized: false });
    socket.write("hello\n");
    const lines = createInterface({ input: socket });
    // Both hear of a broken connection; its end is what counts.
    for (const one of [socket, lines]) one.on("error", () => {});
    return new Promise((resolve) => {
      socket.once("close", () => resolve(undefined));
      lines.once("line", (line) => {
        resolve(line);
        socket.destroy();
      });
    });
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }

  #identity(id: string): SecureContextOptions {
    const { chainDer, keyDer } = this.authority.x509Svid(SpiffeId.parse(id), lifetime);
    const key = createPrivateKey({ key: Buffer.from(keyDer), format: "der", type: "pkcs8" });
    return { cert: encodePem("CERTIFICATE", chainDer), key: key.export({ format: "pem", type: "pkcs8" }) };
  }
}
