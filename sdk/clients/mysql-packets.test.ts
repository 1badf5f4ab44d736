import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { mysqlGreeting } from "../../test/fakes/database-greetings.ts";
import { encodePacket, firstPacket, isSslRequest, offersTls, Renumbering, splitForTls } from "./mysql-packets.ts";

describe("the packets of MySQL", () => {
  it("are renumbered however they are cut up", () => {
    const packets = fc.array(fc.record({ sequence: fc.nat(255), payload: fc.uint8Array({ maxLength: 300 }) }));
    fc.assert(
      fc.property(packets, fc.array(fc.integer({ min: 1, max: 40 })), fc.constantFrom(1, -1), (all, cuts, by) => {
        const bytes = Buffer.concat(all.map((one) => encodePacket({ ...one, payload: Buffer.from(one.payload) })));
        const firsts: number[] = [];
        const renumbering = new Renumbering(by, (first) => firsts.push(first));
        const out: Buffer[] = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          out.push(renumbering.next(bytes.subarray(at, at + cut)));
          at += cut;
        }
        const expected = all.map(({ sequence, payload }) =>
          encodePacket({ sequence: (sequence + by + 256) % 256, payload: Buffer.from(payload) }),
        );
        assert.deepEqual(Buffer.concat(out), Buffer.concat(expected));
        assert.deepEqual(
          firsts,
          all.flatMap(({ payload }) => [...payload.subarray(0, 1)]),
        );
      }),
      { numRuns: 200 },
    );
  });

  it("say whether there is TLS, and nothing that is no greeting does", () => {
    const greeting = (hasTls: boolean): Buffer => mysqlGreeting(hasTls).subarray(4);
    assert.equal(offersTls(greeting(true)), true);
    assert.equal(offersTls(greeting(false)), false);
    assert.equal(offersTls(greeting(true).subarray(0, 20)), false);
    for (const junk of ["", "\x0a", "\x0a8.0\0", "\x09xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]) {
      assert.equal(offersTls(Buffer.from(junk, "latin1")), false);
    }
  });

  it("ask for TLS with the head of the login, which names nobody", () => {
    const payload = Buffer.concat([Buffer.alloc(32, 1), Buffer.from("me\0secret")]);
    const { request, response } = splitForTls({ sequence: 1, payload });
    assert.equal(request.length, 36);
    assert.equal(request.readUInt8(3), 1);
    assert.equal(response.readUInt8(3), 2);
    assert.equal(response.readUInt8(5) & 0x08, 0x08);
    assert.ok(!request.includes("me"));
    assert.ok(response.includes("secret"));
    assert.equal(isSslRequest(firstPacket(request) ?? assert.fail()), true);
    assert.equal(isSslRequest(firstPacket(response) ?? assert.fail()), false);
    assert.equal(firstPacket(response.subarray(0, response.length - 1)), undefined);
  });
});
