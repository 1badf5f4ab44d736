import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Certificate } from "../../certs/index.ts";
import { TestPki } from "../../test/fakes/test-pki.ts";
import type { Peer } from "../peer.ts";
import { ByteBudget } from "./byte-budget.ts";

const pki = TestPki.create("a.org");

function stranger(address: string): Peer {
  return { kind: "tls", connectionId: "1", address, port: 1, svid: undefined };
}

function known(path: string): Peer {
  const svid = pki.verify(pki.issue(path).chain.map((der) => Certificate.parse(der)));
  return { kind: "tls", connectionId: "1", address: "192.0.2.1", port: 1, svid };
}

function process(uid: number): Peer {
  const handle = { pid: 1, mode: "peer-pidfd", isAlive: () => true } as const;
  return { kind: "unix", connectionId: "1", pid: 1, uid, gid: 0, groups: [], process: handle };
}

describe("ByteBudget", () => {
  it("gives a peer its part, over all its connections, and takes back", () => {
    const budget = new ByteBudget({ total: 100, perPeer: 30 });
    const [one, two] = [budget.shareOf(stranger("192.0.2.1")), budget.shareOf(stranger("192.0.2.1"))];
    assert.equal(one.take(30), true);
    assert.equal(two.take(1), false);
    assert.equal(budget.shareOf(stranger("192.0.2.2")).take(1), true);
    one.give(10);
    assert.equal(two.take(10), true);
    assert.equal(budget.taken, 31);
  });

  it("keeps half of it for those who are known", () => {
    for (const [ours, others] of [
      [known("/agent"), ["1", "2", "3"].map(stranger)],
      [process(0), [1, 2, 3].map(process)],
    ] as const) {
      const budget = new ByteBudget({ total: 100, perPeer: 30 });
      const taken = others.map((peer) => budget.shareOf(peer).take(25));
      assert.deepEqual(taken, [true, true, false]);
      assert.equal(budget.shareOf(ours).take(30), true);
      assert.equal(budget.shareOf(ours).take(1), false);
    }
  });

  it("tells peers with SVIDs apart by their id, not by their address", () => {
    const budget = new ByteBudget({ total: 100, perPeer: 30 });
    assert.equal(budget.shareOf(known("/one")).take(30), true);
    assert.equal(budget.shareOf(known("/two")).take(30), true);
    assert.equal(budget.shareOf(known("/one")).take(1), false);
  });
});
