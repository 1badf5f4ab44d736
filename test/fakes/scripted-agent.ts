import { mkdtempSync, rmSync } from "node:fs";
import {
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { frameMessage } from "../../transport/grpc/frame.ts";

/** A call as it came in, before anything was read of it. */
export interface ScriptedCall {
  readonly stream: ServerHttp2Stream;
  /** Without the service. */
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** How many calls there were before. */
  readonly index: number;
}

export type Script = (call: ScriptedCall) => void | Promise<void>;

/** A peer on a socket that does with each HTTP/2 stream, or each connection, what the test says: also what no agent would. */
export class ScriptedAgent implements AsyncDisposable {
  script: Script;
  readonly calls: ScriptedCall[] = [];
  connections = 0;
  readonly #folder = mkdtempSync(join(tmpdir(), "s-"));
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<() => void>();
  readonly #isTcp: boolean;

  private constructor(script: Script, onSocket: ((socket: Socket) => void) | undefined, isTcp: boolean) {
    this.script = script;
    this.#isTcp = isTcp;
    this.#server = onSocket === undefined ? this.#http2() : createServer(onSocket);
    this.#server.on("connection", (socket: Socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on("error", () => {
        // Tests break connections.
      });
      socket.once("close", () => this.#sockets.delete(socket));
      this.#wake();
    });
  }

  static async start(script: Script, options: { readonly tcp?: string } = {}): Promise<ScriptedAgent> {
    const agent = new ScriptedAgent(script, undefined, options.tcp !== undefined);
    await agent.#listen(options.tcp);
    return agent;
  }

  /** Bytes only: what is not HTTP/2 at all. */
  static async raw(onSocket: (socket: Socket) => void): Promise<ScriptedAgent> {
    const agent = new ScriptedAgent(() => {}, onSocket, false);
    await agent.#listen(undefined);
    return agent;
  }

  get endpoint(): string {
    const address = this.#server.address();
    if (!this.#isTcp || typeof address !== "object" || address === null) return `unix://${this.#folder}/a.sock`;
    return `tcp://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`;
  }

  /** Resolves when there have been so many calls. */
  async called(times: number): Promise<void> {
    while (this.calls.length < times) await new Promise<void>((resolve) => void this.#waiting.add(resolve));
  }

  /** Resolves when there have been so many connections. */
  async connected(times: number): Promise<void> {
    while (this.connections < times) await new Promise<void>((resolve) => void this.#waiting.add(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #listen(host: string | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (host === undefined) this.#server.listen(`${this.#folder}/a.sock`, resolve);
      else this.#server.listen(0, host, resolve);
    });
  }

  #http2(): Server {
    const server = createHttp2Server({ maxSendHeaderBlockLength: 4 * 1024 * 1024 });
    server.on("session", (session: ServerHttp2Session) => session.on("error", () => {}));
    server.on("stream", (stream, headers) => {
      stream.on("error", () => {
        // Tests break streams.
      });
      const method = String(headers[":path"]).replace("/SpiffeWorkloadAPI/", "");
      const call = { stream, method, headers, index: this.calls.length };
      this.calls.push(call);
      this.#wake();
      void this.script(call);
      if (stream.readableFlowing === null) stream.resume();
    });
    return server;
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

const ok = { ":status": 200, "content-type": "application/grpc" };

/** Sends messages; the stream stays open. */
export function say(stream: ServerHttp2Stream, ...messages: readonly Uint8Array[]): void {
  if (stream.destroyed || stream.closed) return;
  if (!stream.headersSent) stream.respond(ok, { waitForTrailers: true });
  for (const message of messages) stream.write(frameMessage(message));
}

/** Ends the stream with these trailers; `{}`: without any. */
export function finish(stream: ServerHttp2Stream, trailers: Readonly<Record<string, string>> = { "grpc-status": "0" }) {
  if (stream.destroyed || stream.closed) return;
  if (!stream.headersSent) stream.respond(ok, { waitForTrailers: true });
  stream.once("wantTrailers", () => {
    if (Object.keys(trailers).length === 0) stream.close();
    else stream.sendTrailers(trailers);
  });
  stream.end();
}

/** A status without any message, in the headers. */
export function refuse(stream: ServerHttp2Stream, status: number, more: Readonly<Record<string, string>> = {}): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond({ ...ok, "grpc-status": String(status), ...more }, { endStream: true });
}

/** The one message of the call; to be asked for before anything else happens. */
export async function requestOf(stream: ServerHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).subarray(5);
}
