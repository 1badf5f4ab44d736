import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { answerWith, greeting, http2World, number, requestBlock, settings } from "../../test/fakes/http2-peer.ts";
import { flag, frame, frameType } from "./frames.ts";

const open = (id: number, flags: number): Buffer => frame(frameType.headers, flags, id, requestBlock);

/** A bit of everything. */
const conversation = Buffer.concat([
  greeting,
  settings([4, 100]),
  open(1, flag.endHeaders),
  frame(frameType.data, 0, 1, Buffer.alloc(50)),
  frame(frameType.data, flag.padded | flag.endStream, 1, Buffer.from([2, 1, 1, 0, 0])),
  frame(frameType.ping, 0, 0, Buffer.alloc(8)),
  open(3, flag.endHeaders | flag.endStream),
  frame(frameType.windowUpdate, 0, 3, number(1_000)),
  frame(frameType.headers, flag.endStream, 5, requestBlock.subarray(0, 3)),
  frame(frameType.continuation, flag.endHeaders, 5, requestBlock.subarray(3)),
  frame(frameType.rstStream, 0, 3, number(8)),
  frame(frameType.priority, 0, 7, Buffer.alloc(5)),
  frame(frameType.goaway, 0, 0, Buffer.alloc(8)),
]);

const change = fc.record({ at: fc.nat(conversation.length - 1), byte: fc.nat(255), cut: fc.nat(3) });

describe("broken bytes", () => {
  it("never throw: the connection serves on, or ends with a GOAWAY, or waits for more", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 400 }),
        async (changes, chunkBytes) => {
          let said: Buffer = Buffer.from(conversation);
          for (const { at, byte, cut } of changes) {
            if (at >= said.length) continue;
            said[at] = byte;
            if (cut === 3) said = Buffer.concat([said.subarray(0, at), said.subarray(at + byte)]);
          }
          const { peer, faults, requests, state } = http2World({ isGreeting: false, onEnd: answerWith(300) });
          for (let at = 0; at < said.length; at += chunkBytes) peer.say(said.subarray(at, at + chunkBytes));
          await turns();
          assert.deepEqual(faults, []);
          if (peer.isClosed) assert.equal(peer.ofType(frameType.goaway).length > 0, true);
          peer.socket.end();
          while (!state.isGone) await turns();
          assert.ok(requests.every(({ closedWith }) => closedWith !== undefined));
        },
      ),
      { numRuns: 300 },
    );
  });
});

async function turns(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
