import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TrustDomain } from "../../spiffe/index.ts";
import { TestIssuer } from "../testing/index.ts";
import { KnownBundles } from "./known-bundles.ts";
import { readJwtBundles } from "./read-context.ts";

const one = TrustDomain.parse("one.test");
const two = TrustDomain.parse("two.test");

describe("bundles of a stream", () => {
  const issuers = [one, two].map(({ name }) => TestIssuer.create(name));
  /** As they come off the wire: new bytes each time. */
  const update = (): Map<string, Uint8Array> =>
    new Map(issuers.map(({ bundle }) => [bundle.trustDomain.idString, Buffer.from(bundle.toWorkloadJwks())]));

  it("are the same objects while their bytes are the same, and others when those change", () => {
    const known = new KnownBundles();
    const first = readJwtBundles(update(), known);
    const second = readJwtBundles(update(), known);
    assert.equal(second.get(one), first.get(one));
    assert.equal(second.get(two), first.get(two));
    issuers[1]?.rotateAuthority("jwt");
    const third = readJwtBundles(update(), known);
    assert.equal(third.get(one), first.get(one));
    assert.equal(third.get(two)?.jwtAuthorities.length, 2);
    assert.equal(second.get(two)?.jwtAuthorities.length, 1);
  });

  it("are forgotten with the update that lacks them, and not by one that is not legal", () => {
    const known = new KnownBundles();
    const first = readJwtBundles(update(), known);
    const illegal = new Map([...update(), ["spiffe://three.test", Buffer.from("{")]]);
    assert.throws(() => readJwtBundles(illegal, known), { code: "ERR_WORKLOAD_API_MALFORMED" });
    const without = update();
    without.delete(two.idString);
    const second = readJwtBundles(without, known);
    assert.equal(second.get(one), first.get(one));
    assert.equal(second.get(two), undefined);
    assert.notEqual(readJwtBundles(update(), known).get(two), first.get(two));
  });

  it("are not mixed up between trust domains", () => {
    const known = new KnownBundles();
    readJwtBundles(update(), known);
    const [bytes] = update().values();
    assert.ok(bytes !== undefined);
    const swapped = readJwtBundles(new Map([[two.idString, bytes]]), known);
    assert.equal(swapped.get(two)?.trustDomain.name, "two.test");
    assert.equal(swapped.get(one), undefined);
  });
});
