import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  answerTrailers,
  answerWith,
  type Http2World,
  http2World,
  number,
  requestBlock,
  settings,
} from "../../test/fakes/http2-peer.ts";
import { transportLimits } from "../limits.ts";
import { flag, frame, frameType } from "./frames.ts";

const whole = flag.endHeaders | flag.endStream;
const open = (id: number): Buffer => frame(frameType.headers, whole, id, requestBlock);

describe("a peer that does not read", () => {
  /** Says `piece` until the session hears no more of it. */
  async function stuff(world: Http2World, piece: (round: number) => Buffer): Promise<void> {
    world.peer.socket.pause();
    for (let round = 0; ; round += 1) {
      if (world.peer.socket.write(piece(round))) {
        await turns();
        continue;
      }
      await turns();
      // Nobody took it in many turns.
      if (world.peer.socket.writableNeedDrain) return;
    }
  }

  it("is not heard for so long: what waits for it stays small, and is all there when it reads on", async () => {
    const world = http2World({ onEnd: ({ stream }) => stream.end(answerTrailers), maxConcurrentStreams: 1 });
    let said = 0;
    await stuff(world, (round) => {
      said = 500 * (round + 1);
      return Buffer.concat(Array.from({ length: 500 }, (_, index) => open(2 * (500 * round + index) + 1)));
    });
    const { writableLength } = world.near;
    assert.ok(writableLength < 2 * transportLimits.unsentBytes, `${writableLength} bytes wait`);
    assert.ok(world.requests.length < said, "it is heard nevertheless");
    world.peer.socket.resume();
    await world.peer.until(() => world.peer.ofType(frameType.headers).length === said);
  });

  it("gets no more data than its socket takes, whatever its windows say", async () => {
    const world = http2World({ onEnd: answerWith(10_000_000) });
    world.peer.say(settings([4, 2 ** 31 - 1]), frame(frameType.windowUpdate, 0, 0, number(2 ** 30)));
    await world.peer.settled();
    world.peer.socket.pause();
    world.peer.say(open(1), open(3));
    while (world.requests.length < 2) await turns();
    await turns();
    assert.ok(world.near.writableLength < transportLimits.unsentBytes);
    world.peer.socket.resume();
    await world.peer.until(() => world.peer.dataBytes(1) + world.peer.dataBytes(3) === 20_000_000);
  });
});

/** Long enough for what can go on to go on. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
