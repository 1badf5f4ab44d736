import assert from "node:assert/strict";
import { type ClientHttp2Session, connect } from "node:http2";
import { duplexPair } from "node:stream";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  answerHeaders,
  answerTrailers,
  HeardRequest as Heard,
  type HeardRequest,
} from "../../test/fakes/http2-peer.ts";
import { Http2ServerSession } from "./index.ts";

/** Answers with the bytes of the request, in pieces of `pieceBytes`; all at once when that is 0. */
function echo(pieceBytes: number): (request: HeardRequest) => void {
  return ({ stream, chunks }) => {
    const body = Buffer.concat(chunks);
    if (pieceBytes === 0) {
      stream.answer(answerHeaders, body, answerTrailers);
      return;
    }
    stream.respond(answerHeaders);
    for (let at = 0; at < body.length; at += pieceBytes) stream.write(body.subarray(at, at + pieceBytes), () => {});
    stream.end(answerTrailers);
  };
}

function dial(onEnd: (request: HeardRequest) => void, initialWindowSize: number): ClientHttp2Session {
  const [near, far] = duplexPair();
  new Http2ServerSession(
    near,
    { maxConcurrentStreams: 100, maxHeaderListBytes: 16_384, now: () => 0 },
    {
      onStream: (stream, head) => {
        const request = new Heard(stream, head, onEnd);
        const { onData } = request;
        request.onData = (chunk) => {
          onData.call(request, chunk);
          stream.consume(chunk.length);
        };
      },
      onBroken: (error) => {
        throw error;
      },
      onFault: (error) => {
        throw error;
      },
      onClosed: () => {},
    },
  );
  return connect("http://localhost", { createConnection: () => far, settings: { initialWindowSize } });
}

async function call(session: ClientHttp2Session, body: Buffer, chunkBytes: number): Promise<void> {
  const stream = session.request({ ":method": "POST", ":path": "/a/b", te: "trailers", "x-key": String(body.length) });
  const received: Buffer[] = [];
  let status: unknown;
  stream.on("data", (chunk: Buffer) => received.push(chunk));
  stream.on("trailers", (trailers) => {
    status = trailers["grpc-status"];
  });
  const closed = new Promise((resolve, reject) => stream.once("close", resolve).once("error", reject));
  for (let at = 0; at < body.length; at += chunkBytes) stream.write(body.subarray(at, at + chunkBytes));
  stream.end();
  await closed;
  assert.equal(status, "0");
  assert.ok(Buffer.concat(received).equals(body));
}

describe("Node's client", () => {
  it("gets back what it sends, whatever sizes, pieces, windows and calls at once", async () => {
    const size = fc.oneof(fc.nat(300), fc.nat(150_000));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(size, fc.integer({ min: 200, max: 60_000 })), { minLength: 1, maxLength: 6 }),
        fc.oneof(fc.constant(0), fc.integer({ min: 300, max: 70_000 })),
        fc.oneof(fc.constant(65_535), fc.integer({ min: 1_000, max: 2_000_000 })),
        async (calls, pieceBytes, window) => {
          const session = dial(echo(pieceBytes), window);
          await Promise.all(calls.map(([bytes, chunk], index) => call(session, Buffer.alloc(bytes, index + 1), chunk)));
          const closed = new Promise((resolve) => session.once("close", resolve));
          session.close();
          await closed;
        },
      ),
      { numRuns: 25 },
    );
  });

  it("makes a thousand calls on one connection", async () => {
    const session = dial(echo(0), 65_535);
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(Array.from({ length: 50 }, () => call(session, Buffer.alloc(45), 45)));
    }
    session.destroy();
  });
});
