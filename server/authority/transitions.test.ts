import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { authorityEvents, authorityStates, transition } from "./transitions.ts";

/** The whole product, written out by hand: rows are states, columns are events, "-" is refused. */
const table = `
            publish   activate  retire  taint    revoke   abandon  prune
preparing   prepared  -         -       -        -        gone     -
prepared    -         active    -       -        -        gone     -
active      -         -         old     -        -        -        -
old         -         -         -       tainted  -        -        gone
tainted     -         -         -       -        revoked  -        gone
revoked     -         -         -       -        -        -        gone
`;

const [header = "", ...rows] = table.trim().split("\n");
const columns = header.trim().split(/\s+/);

describe("transition()", () => {
  it("is tested over every state and every event", () => {
    assert.deepEqual(columns, [...authorityEvents]);
    assert.deepEqual(
      rows.map((row) => row.split(/\s+/)[0]),
      [...authorityStates],
    );
  });

  for (const state of authorityStates) {
    for (const event of authorityEvents) {
      const expected = rows.find((row) => row.startsWith(`${state} `))?.split(/\s+/)[columns.indexOf(event) + 1];
      it(expected === "-" ? `${state} refuses ${event}` : `${state} + ${event} = ${expected}`, () => {
        if (expected === "-") assert.throws(() => transition(state, event), { code: "ERR_AUTHORITY_TRANSITION" });
        else assert.equal(transition(state, event), expected);
      });
    }
  }
});
