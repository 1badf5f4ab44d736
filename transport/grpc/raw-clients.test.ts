import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { entryService } from "../../proto/services.ts";
import { Http2Peer, number, settings } from "../../test/fakes/http2-peer.ts";
import { UnixService } from "../../test/fakes/unix-service.ts";
import { flag, frame, frameType, preface } from "../http2/frames.ts";
import { encodeHeaderBlock } from "../http2/index.ts";
import { RpcRouter, transportLimits } from "../index.ts";
import { frameMessage } from "./frame.ts";

const call = (id: number, block: Uint8Array): Buffer =>
  frame(frameType.headers, flag.endHeaders | flag.endStream, id, block);
const fields = (authority: string): readonly string[] => [
  ...[":method", "POST", ":scheme", "http", ":path", "/no.Service/Method", ":authority", authority],
  ...["content-type", "application/grpc", "te", "trailers"],
];
const acknowledgement = frame(frameType.settings, flag.ack, 0, Buffer.alloc(0));
const takesNoStreams = settings([3, 0]);

function dial(path: string): Http2Peer {
  return new Http2Peer(connect(path));
}

describe("a client on gRPC for Java", () => {
  const authority = encodeHeaderBlock(fields("/run/countersign/agent/public/api.sock"));

  it("is heard, although it names the socket's path as authority, and waits for settings before it calls", async () => {
    await using service = await UnixService.start({ router: new RpcRouter() });
    const peer = dial(service.path);
    peer.say(preface, takesNoStreams);
    await peer.until(() => peer.ofType(frameType.settings).length === 2);
    peer.say(acknowledgement, frame(frameType.ping, 0, 0, Buffer.alloc(8)), call(1, authority), call(3, authority));
    await peer.until(() => peer.ofType(frameType.headers, 3).length === 1);
    assert.deepEqual([...peer.ofType(frameType.rstStream), ...peer.ofType(frameType.goaway)], []);
    peer.socket.destroy();
  });
});

describe("a call that is given up in the bytes it comes in", () => {
  it("is not run; the same without is", async () => {
    const ran: string[] = [];
    const router = new RpcRouter().unary(entryService.GetEntry, async ({ id }) => {
      ran.push(id);
      return { id };
    });
    await using service = await UnixService.start({ router });
    const asking = encodeHeaderBlock(fields("localhost").with(5, entryService.GetEntry.path));
    const request = (id: number, name: string): Buffer =>
      Buffer.concat([
        frame(frameType.headers, flag.endHeaders, id, asking),
        frame(frameType.data, flag.endStream, id, frameMessage(entryService.GetEntry.requestSerialize({ id: name }))),
      ]);
    const peer = dial(service.path);
    peer.say(
      preface,
      settings(),
      request(1, "given up"),
      frame(frameType.rstStream, 0, 1, number(8)),
      request(3, "asked"),
    );
    await peer.until(() => peer.ofType(frameType.headers, 3).length === 2);
    assert.deepEqual(ran, ["asked"]);
    peer.socket.destroy();
  });
});

describe("a connection", () => {
  const limits = { ...transportLimits.workloadSocket, handshakeTimeoutMs: 60, idleTimeoutMs: 60 };
  const block = encodeHeaderBlock(fields("localhost"));

  it("that never gets to its first call is dropped, wherever it stops", async () => {
    await using service = await UnixService.start({ router: new RpcRouter(), limits });
    for (const said of [preface.subarray(0, 5), preface, Buffer.concat([preface, takesNoStreams])]) {
      const peer = dial(service.path);
      peer.say(said);
      await peer.until(() => peer.isClosed);
    }
  });

  it("whose client reads nothing is dropped when it is idle, although the goodbye is stuck", async () => {
    await using service = await UnixService.start({ router: new RpcRouter(), limits });
    const { socket } = dial(service.path);
    socket.pause();
    socket.write(Buffer.concat([preface, takesNoStreams]));
    const calls = (round: number): Buffer =>
      Buffer.concat(Array.from({ length: 100 }, (_, index) => call(2 * (100 * round + index) + 1, block)));
    let isOver = false;
    socket.once("close", () => {
      isOver = true;
    });
    // Its answers fill the socket; then nobody hears it any more.
    for (let round = 0; !isOver && round < 1_000; round += 1) {
      if (!socket.write(calls(round))) await new Promise((resolve) => setImmediate(resolve));
    }
    while (service.listener.connections() > 0) await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
  });
});
