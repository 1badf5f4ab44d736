import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SpiffeId } from "../spiffe/index.ts";
import {
  type Authorizer,
  allOf,
  anyOf,
  checkAuthorize,
  id,
  memberOf,
  oneOf,
  pathPrefix,
  predicate,
} from "./authorize.ts";

const web = SpiffeId.parse("spiffe://one.test/web");

function codeOf(authorize: Authorizer, peer: SpiffeId = web): string {
  const decision = authorize(peer);
  return decision.allow ? "allowed" : decision.code;
}

describe("authorisers", () => {
  it("accept exactly what they say", () => {
    assert.equal(codeOf(id("spiffe://one.test/web")), "allowed");
    assert.equal(codeOf(id("spiffe://one.test/we")), "ERR_PEER_ID");
    assert.equal(codeOf(oneOf("spiffe://one.test/a", web)), "allowed");
    assert.equal(codeOf(oneOf("spiffe://one.test/a")), "ERR_PEER_ID");
    assert.equal(codeOf(oneOf()), "ERR_PEER_ID");
    assert.equal(codeOf(memberOf("one.test")), "allowed");
    assert.equal(codeOf(memberOf("one.tes")), "ERR_PEER_TRUST_DOMAIN");
    assert.equal(codeOf(predicate((peer) => peer.path === "/web")), "allowed");
    assert.equal(codeOf(predicate(() => false)), "ERR_PEER_REFUSED");
  });

  it("accept what lies below a path, segment by segment", () => {
    const prod = pathPrefix("spiffe://one.test/ns/prod");
    const decision = (peer: string): string => codeOf(prod, SpiffeId.parse(peer));
    assert.equal(decision("spiffe://one.test/ns/prod"), "allowed");
    assert.equal(decision("spiffe://one.test/ns/prod/web"), "allowed");
    assert.equal(decision("spiffe://one.test/ns/production"), "ERR_PEER_PATH");
    assert.equal(decision("spiffe://one.test/ns"), "ERR_PEER_PATH");
    assert.equal(decision("spiffe://one.test"), "ERR_PEER_PATH");
    assert.equal(decision("spiffe://two.test/ns/prod/web"), "ERR_PEER_TRUST_DOMAIN");
    assert.throws(() => pathPrefix("spiffe://one.test"), TypeError);
    assert.throws(() => pathPrefix("spiffe://one.test/ns/"), { code: "ERR_SPIFFE_PATH_TRAILING_SLASH" });
  });

  it("combine", () => {
    assert.equal(codeOf(allOf(memberOf("one.test"), id(web))), "allowed");
    assert.equal(codeOf(allOf(memberOf("two.test"), id(web))), "ERR_PEER_TRUST_DOMAIN");
    assert.equal(codeOf(anyOf(memberOf("two.test"), id(web))), "allowed");
    assert.equal(codeOf(anyOf(memberOf("two.test"), id("spiffe://one.test/a"))), "ERR_PEER_ID");
  });

  it("must be given", () => {
    checkAuthorize({ authorize: id(web) }, "connectTls");
    const wrong = { name: "TypeError", message: "connectTls needs `authorize`" };
    for (const options of ["null", "{}", '{"authorize":"spiffe://one.test/web"}'])
      assert.throws(() => checkAuthorize(JSON.parse(options), "connectTls"), wrong);
  });

  it("refuse a malformed expectation at once", () => {
    assert.throws(() => id("spiffe://One.test/x"), { name: "SpiffeError" });
    assert.throws(() => memberOf("spiffe://one.test"), { name: "SpiffeError" });
  });
});
