import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkStop, type DevOptions, planOf, planText } from "./options.ts";

const usual: DevOptions = { output: "pretty" };

describe("what a development world is made of", () => {
  it("is the current user's identity, and what --entry adds", () => {
    const plan = planOf(
      { ...usual, spiffeId: "/me", entry: ["/db=unix:path:/usr/bin/psql,unix:uid:7", "/mine"], x509Ttl: 10 },
      1000,
    );
    const shown = plan.identities.map(({ id, selectors }) => [
      id.toString(),
      selectors.map(({ type, value }) => `${type}:${value}`).join(),
    ]);
    assert.deepEqual(shown, [
      ["spiffe://dev.example/me", "unix:uid:1000"],
      ["spiffe://dev.example/db", "unix:path:/usr/bin/psql,unix:uid:7"],
      ["spiffe://dev.example/mine", "unix:uid:1000"],
    ]);
    assert.equal(plan.x509TtlSeconds, 10);
    assert.match(planOf(usual, 1000).identities[0].id.toString(), /^spiffe:\/\/dev\.example\/[A-Za-z0-9._-]+$/);
  });

  it("is not changed by --stop, whose flags would be ignored", () => {
    checkStop({ output: "json", stop: true });
    const ignored = { code: "ERR_USAGE", message: "--stop does not take --spiffe-id, --x509-ttl" };
    assert.throws(() => checkStop({ output: "pretty", stop: true, spiffeId: "/me", x509Ttl: 10 }), ignored);
    assert.throws(() => checkStop({ ...usual, trustDomain: "try.example" }), { message: /--trust-domain$/ });
  });

  it("has the same text when it is the same", () => {
    const one = planOf({ ...usual, spiffeId: "spiffe://dev.example/me" }, 1000);
    assert.equal(planText(one), planText(planOf({ ...usual, spiffeId: "/me" }, 1000)));
    assert.notEqual(planText(one), planText(planOf({ ...usual, spiffeId: "/me" }, 1001)));
    assert.notEqual(planText(one), planText(planOf({ ...usual, spiffeId: "/me", x509Ttl: 9 }, 1000)));
  });

  it("is refused, with the flag, when it cannot be", () => {
    const refused: readonly (readonly [Partial<DevOptions>, RegExp])[] = [
      [{ trustDomain: "Dev Example" }, /--trust-domain/],
      [{ spiffeId: "/a b" }, /--spiffe-id/],
      [{ spiffeId: "spiffe://other.example/me" }, /--spiffe-id: .*is not of/],
      [{ entry: ["/db=psql"] }, /--entry/],
      [{ entry: ["/../db"] }, /--entry/],
      [{ x509Ttl: 1 }, /--x509-ttl/],
    ];
    for (const [options, message] of refused) {
      assert.throws(
        () => planOf({ ...usual, ...options }, 1000),
        { code: "ERR_USAGE", message },
        JSON.stringify(options),
      );
    }
  });
});
