import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeSpki } from "../../certs/index.ts";
import { testKey } from "../../test/fakes/fixture-keys.ts";
import { bundleText } from "./print.ts";

describe("bundleText()", () => {
  it("shows no control characters of key ids, which servers below choose, and is the same document", () => {
    const key_id = "a\u009b31mb\u202ec\u001b[0m";
    const public_key = Buffer.from(encodeSpki(testKey("ec-p256")));
    const text = bundleText(
      {
        ...{ trust_domain: "example.org", x509_authorities: [], wit_authorities: [], refresh_hint: "0" },
        ...{ sequence_number: "1", jwt_authorities: [{ public_key, key_id, expires_at: "0", tainted: false }] },
      },
      "spiffe",
    );
    assert.doesNotMatch(text, /[\p{Cc}\p{Bidi_Control}]/u);
    assert.equal(JSON.parse(text).keys[0].kid, key_id);
  });
});
