import { connect, type OutgoingHttpHeaders } from "node:http2";
import { connect as connectSocket } from "node:net";
import { frameMessage } from "../../transport/grpc/frame.ts";

export interface RawAnswer {
  /** gRPC status number; `undefined` when the stream was cut before one came. */
  readonly status: number | undefined;
  readonly message: string;
}

/** One call with headers exactly as given: for headers that a well-behaved client cannot send. Ends after the status. */
export async function rawCall(
  socketPath: string,
  method: string,
  headers: OutgoingHttpHeaders,
  request: Uint8Array = new Uint8Array(),
): Promise<RawAnswer> {
  const session = connect("http://localhost", { createConnection: () => connectSocket(socketPath) });
  try {
    const stream = session.request({
      ":method": "POST",
      ":path": method,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    stream.end(frameMessage(request));
    stream.resume();
    return await new Promise((resolve, reject) => {
      let answer: RawAnswer = { status: undefined, message: "" };
      const read = (received: { readonly [name: string]: unknown }): void => {
        const status = received["grpc-status"];
        if (status === undefined) return;
        answer = { status: Number(status), message: decodeURIComponent(String(received["grpc-message"] ?? "")) };
      };
      stream.on("response", read);
      stream.on("trailers", read);
      stream.on("error", reject);
      stream.on("close", () => resolve(answer));
    });
  } finally {
    session.close();
  }
}
