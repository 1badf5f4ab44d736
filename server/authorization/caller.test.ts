import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Certificate } from "../../certs/index.ts";
import { TestPki } from "../../test/fakes/test-pki.ts";
import type { Peer } from "../../transport/index.ts";
import { callerOf } from "./caller.ts";

describe("a caller with an SVID", () => {
  it("is bound to the authority its chain was verified under, whatever else it sent", () => {
    const [old, current] = [TestPki.create("a.org", "1"), TestPki.create("a.org", "2")];
    const chain = old.issue("/agent").chain.map((der) => Certificate.parse(der));
    // Its issuer, so it says, is the authority that will still be trusted when the old one is not.
    const forged = old.crossSignedBy(current);
    for (const sent of [chain, [...chain, forged]]) {
      const svid = old.verify(sent);
      const peer: Peer = { kind: "tls", connectionId: "1", address: "192.0.2.1", port: 1, svid };
      const caller = callerOf(peer);
      assert.ok(caller.kind === "svid");
      assert.equal(caller.authorityId, old.root.subjectKeyId);
      assert.equal(caller.serialNumber, chain[0]?.serialNumber);
      assert.equal(caller.notAfterMs, chain[0]?.notAfter);
    }
  });
});
