import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { addressOf } from "./dial.ts";

describe("addressOf", () => {
  it("knows the port of https and takes IPv6 out of its brackets", () => {
    assert.deepEqual(addressOf(new URL("https://db.example/x")), { host: "db.example", port: 443 });
    assert.deepEqual(addressOf(new URL("https://[::1]:8443")), { host: "::1", port: 8443 });
    assert.deepEqual(addressOf({ hostname: "[fd00::1]", port: "" }), { host: "fd00::1", port: 443 });
  });
});
