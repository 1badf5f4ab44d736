import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Alarms } from "./alarms.ts";

const open = (text: string, isLasting = false) => ({ event: "alarm", text, isLasting }) as const;

describe("the mirror's alarms", () => {
  it("come once, after the lag, and are called off once", () => {
    const alarms = new Alarms(1_000);
    assert.deepEqual(alarms.after([open("a")], 0), []);
    assert.equal(alarms.areRaised, false);
    assert.deepEqual(alarms.after([open("a")], 1_000), [open("a")]);
    assert.deepEqual([alarms.after([open("a")], 2_000), alarms.areRaised], [[], true]);
    assert.deepEqual(alarms.after([], 3_000), [{ event: "cleared", text: "no longer: a" }]);
    assert.equal(alarms.areRaised, false);
    assert.deepEqual(alarms.after([open("a")], 4_000), [], "what comes back has its time again");
  });

  it("come at once for what trying again cannot mend, and not for what was mended in time", () => {
    const alarms = new Alarms(1_000);
    assert.deepEqual(alarms.after([open("a", true), open("b")], 0), [open("a", true)]);
    assert.deepEqual(alarms.after([open("a", true)], 999), []);
  });

  it("outlast the time in which the servers cannot be looked at", () => {
    const alarms = new Alarms(1_000);
    alarms.after([open("a", true)], 0);
    assert.deepEqual(alarms.failed("gone", 1_000, 1_000), []);
    const [raised] = alarms.failed("away", 1_900, 2_000);
    assert.equal(raised?.text, "the servers cannot be compared: away");
    assert.deepEqual(alarms.failed("gone", 3_000, 3_000), []);
    const cleared = alarms.after([open("a", true)], 4_000);
    assert.deepEqual(cleared, [{ event: "cleared", text: "no longer: the servers cannot be compared: away" }]);
    assert.equal(alarms.areRaised, true, "what is lasting still is");
  });

  it("come at once for servers that took as long to fail as there is time", () => {
    assert.equal(new Alarms(1_000).failed("no answer", 0, 1_000).length, 1);
    assert.equal(new Alarms(1_000).failed("no answer", 0, 999).length, 0);
  });
});
