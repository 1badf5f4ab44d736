import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeSpki } from "../../certs/index.ts";
import { JwtAuthority, SpiffeBundle } from "../../spiffe/index.ts";
import { testKey } from "../../test/fakes/fixture-keys.ts";
import { exampleTrustDomain } from "../../test/fakes/server-values.ts";
import { TestAuthority } from "../../test/fakes/test-authority.ts";
import { BundleTable } from "./bundle-table.ts";

describe("BundleTable", () => {
  it("is not misled by a JWT key that has the key id of a certificate", () => {
    const [old, next] = [1, 2].map(
      () => new TestAuthority(exampleTrustDomain, { notBeforeMs: 0, notAfterMs: 86_400_000 }).certificate,
    );
    assert.ok(old?.subjectKeyId !== undefined && next !== undefined);
    const id = old.subjectKeyId;
    // As a server below may publish it.
    const jwtAuthorities = [JwtAuthority.of({ keyId: id, spkiDer: encodeSpki(testKey("ec-p256")) })];
    const bundle = (...of: readonly (typeof next)[]) =>
      SpiffeBundle.of(exampleTrustDomain, {
        x509Authorities: of.map((certificate) => ({ certificate })),
        jwtAuthorities,
      });
    const table = new BundleTable(bundle(old, next));
    const now = (own: SpiffeBundle) => table.apply({ isSnapshot: false, upserts: [own], removed: [] });
    now(bundle(next));
    assert.equal(table.isGone(id), true);
    assert.equal(table.isDistrusted("x509", id), true);
    assert.equal(table.isDistrusted("jwt", id), false);
    now(bundle(old, next).with({ jwtAuthorities: [] }));
    assert.equal(table.isDistrusted("x509", id), false);
    assert.equal(table.isDistrusted("jwt", id), true);
  });
});
