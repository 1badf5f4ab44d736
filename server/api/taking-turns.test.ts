import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { TakingTurns } from "./taking-turns.ts";

const going = { signal: new AbortController().signal };

describe("TakingTurns", () => {
  it("lets a caller's calls go on one by one, and another's at once", async () => {
    const clock = new FakeClock();
    const turns = new TakingTurns(clock);
    const done: string[] = [];
    const call = (caller: string, name: string) => turns.turn(caller, going).then(() => void done.push(name));
    const calls = [call("a", "a1"), call("a", "a2"), call("a", "a3"), call("b", "b1")];
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(done, ["a1", "b1"]);
    await clock.advance(0);
    await Promise.all(calls);
    assert.deepEqual(done, ["a1", "b1", "a2", "a3"]);
    await turns.turn("a", going);
  });

  it("does no work for a call that is over by then", async () => {
    const clock = new FakeClock();
    const turns = new TakingTurns(clock);
    const over = new AbortController();
    await turns.turn("a", going);
    const gone = turns.turn("a", over);
    const next = turns.turn("a", going);
    over.abort(new Error("gone"));
    await Promise.all([assert.rejects(gone, { message: "gone" }), clock.advance(0)]);
    await next;
  });
});
