import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AnswerRoom } from "./answer-room.ts";

describe("AnswerRoom", () => {
  const fat = { id: "fat", dns_names: Array.from({ length: 20 }, () => "n".repeat(50)) };

  it("gives whole values while they fit, and identifiers from then on", () => {
    const room = new AnswerRoom(3_500);
    const given = Array.from({ length: 5 }, () => room.take(fat, () => ({ id: "fat", dns_names: [] })));
    assert.deepEqual(
      given.map(({ dns_names }) => dns_names.length),
      [20, 20, 20, 0, 0],
    );
  });

  it("counts bytes as bytes and text as UTF-8", () => {
    const fits = (room: AnswerRoom, value: object): boolean => room.take(value, () => ({})) === value;
    assert.equal(fits(new AnswerRoom(120), { asn1: new Uint8Array(100), tainted: false }), true);
    assert.equal(fits(new AnswerRoom(120), { asn1: new Uint8Array(120) }), false);
    assert.equal(fits(new AnswerRoom(120), { hint: "h".repeat(100) }), true);
    assert.equal(fits(new AnswerRoom(120), { hint: "ü".repeat(100) }), false);
  });
});
