import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SpiffeId } from "../spiffe/index.ts";
import {
  type Authorizer,
  allOf,
  anyOf,
  checkAuthorize,
  decide,
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

/** From JavaScript anything may be given. */
function untyped<Type>(value: unknown): Type {
  return value as Type;
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

  it("take nothing but true for a yes, from a predicate or inside of allOf and anyOf", () => {
    for (const answer of [1, "no", {}, Promise.resolve(true), Promise.resolve(false), undefined, null]) {
      const odd = predicate(untyped(() => answer));
      for (const authorize of [odd, allOf(odd), anyOf(odd), allOf(memberOf("one.test"), odd)]) {
        assert.equal(codeOf(authorize), "ERR_PEER_REFUSED");
      }
    }
    const odd = (): unknown => ({ allow: "no" });
    for (const authorize of [allOf(untyped(odd)), anyOf(untyped(odd))])
      assert.equal(codeOf(authorize), "ERR_PEER_REFUSED");
    assert.throws(() => Reflect.apply(allOf, undefined, untyped([])), TypeError);
    assert.throws(() => Reflect.apply(anyOf, undefined, untyped([])), TypeError);
  });

  it("that reject later end no process", async () => {
    const rejecting = async (): Promise<never> => Promise.reject(new Error("late"));
    const rejections: unknown[] = [];
    const note = (error: unknown): void => void rejections.push(error);
    process.on("unhandledRejection", note);
    for (const one of [predicate(untyped(rejecting)), allOf(untyped(rejecting)), anyOf(untyped(rejecting))]) {
      assert.equal(decide(one, web).allow, false);
    }
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", note);
    assert.deepEqual(rejections, []);
  });

  it("must be given", () => {
    checkAuthorize({ authorize: id(web) }, "connectTls");
    const wrong = { name: "TypeError", message: "connectTls needs `authorize`" };
    for (const options of ["null", "{}", '{"authorize":"spiffe://one.test/web"}'])
      assert.throws(() => checkAuthorize(JSON.parse(options), "connectTls"), wrong);
  });

  it("refuse a malformed expectation at once", () => {
    assert.throws(() => id("spiffe://One.test/x"), { name: "SpiffeError" });
    assert.throws(() => memberOf("One.test"), { name: "SpiffeError" });
  });
});
