import { once } from "node:events";
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  type Server,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
} from "@grpc/grpc-js";

const to = (text: string): Buffer => Buffer.from(text);
const from = (bytes: Buffer): string => bytes.toString();
const paths = { unary: "/test.Echo/Unary", client: "/test.Echo/Client", server: "/test.Echo/Server" };
const duplexPath = "/test.Echo/Duplex";
const codec = { requestSerialize: to, requestDeserialize: from, responseSerialize: to, responseDeserialize: from };
const service = {
  unary: { path: paths.unary, requestStream: false, responseStream: false, ...codec },
  client: { path: paths.client, requestStream: true, responseStream: false, ...codec },
  server: { path: paths.server, requestStream: false, responseStream: true, ...codec },
  duplex: { path: duplexPath, requestStream: true, responseStream: true, ...codec },
} as const;

export type EchoCall =
  | ServerUnaryCall<string, string>
  | ServerReadableStream<string, string>
  | ServerWritableStream<string, string>
  | ServerDuplexStream<string, string>;

/** The four kinds of calls in texts: each answer is `<who> <what was sent>`. */
export function addEcho(server: Server, who: (call: EchoCall) => string): void {
  server.addService(service, {
    unary: (call: ServerUnaryCall<string, string>, done: sendUnaryData<string>) =>
      done(null, `${who(call)} ${call.request}`),
    client: (call: ServerReadableStream<string, string>, done: sendUnaryData<string>) => {
      const caller = who(call);
      const texts: string[] = [];
      call.on("data", (text) => texts.push(text)).on("end", () => done(null, `${caller} ${texts.join()}`));
    },
    server: (call: ServerWritableStream<string, string>) => {
      for (const text of call.request.split(",")) call.write(`${who(call)} ${text}`);
      call.end();
    },
    duplex: (call: ServerDuplexStream<string, string>) => {
      const caller = who(call);
      call.on("data", (text) => call.write(`${caller} ${text}`)).on("end", () => call.end());
    },
  });
}

export class EchoClient extends Client {
  constructor(port: number, credentials: ChannelCredentials) {
    // Each client has connections of its own, and does not wait long to try again.
    super(`127.0.0.1:${port}`, credentials, {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.initial_reconnect_backoff_ms": 50,
      "grpc.max_reconnect_backoff_ms": 50,
    });
  }

  unary(text: string, onCall: (call: ClientUnaryCall) => void = () => {}): Promise<string> {
    return new Promise((resolve, reject) => {
      onCall(this.makeUnaryRequest(paths.unary, to, from, text, settle(resolve, reject)));
    });
  }

  collect(texts: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const call: ClientWritableStream<string> = this.makeClientStreamRequest(
        paths.client,
        to,
        from,
        settle(resolve, reject),
      );
      for (const text of texts) call.write(text);
      call.end();
    });
  }

  split(text: string): ClientReadableStream<string> {
    return this.makeServerStreamRequest(paths.server, to, from, text);
  }

  duplex(): ClientDuplexStream<string, string> {
    return this.makeBidiStreamRequest(duplexPath, to, from);
  }
}

/** What comes back for one text on an open stream. */
export async function exchange(call: ClientDuplexStream<string, string>, text: string): Promise<string> {
  const answered = once(call, "data");
  call.write(text);
  return String((await answered)[0]);
}

function settle(
  resolve: (text: string) => void,
  reject: (error: unknown) => void,
): (error: ServiceError | null, text?: string) => void {
  return (error, text) => (error === null && text !== undefined ? resolve(text) : reject(error));
}
