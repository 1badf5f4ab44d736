import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import type { Certificate } from "../../certs/index.ts";
import { loadVectors } from "../../test/vectors/load.ts";
import { BundleMap, SpiffeBundle, TrustDomain } from "../index.ts";

interface Case {
  readonly name: string;
  readonly clauses: readonly string[];
  readonly kind: "bundle" | "workload" | "map";
  readonly document: string;
  readonly x509?: readonly string[];
  readonly jwt?: readonly string[];
  readonly skipped?: Readonly<Record<string, string>>;
  readonly sequence?: string;
  readonly refreshHint?: number;
  readonly trustDomains?: readonly string[];
  readonly code?: string;
}

const td = TrustDomain.parse("a.test");
const parsers = { bundle: SpiffeBundle.parseJwks, workload: SpiffeBundle.parseWorkloadJwks } as const;

describe("bundle documents", () => {
  for (const vector of loadVectors<Case>("bundle.json")) {
    const { name, kind, clauses, code, document } = vector;
    it(`${kind}: ${code === undefined ? "accepts" : "refuses"} ${name} (${clauses.join(", ")})`, () => {
      const parse = () => (kind === "map" ? BundleMap.parse(document) : parsers[kind](td, document));
      if (code !== undefined) assert.throws(parse, { name: "SpiffeError", code });
      else if (kind === "map") checkMap(vector);
      else checkBundle(vector, parsers[kind](td, document));
    });
  }
});

function checkBundle(vector: Case, { bundle, skipped }: ReturnType<typeof SpiffeBundle.parseJwks>): void {
  assert.deepEqual(
    bundle.x509Authorities.map(({ certificate }) => fingerprint(certificate)),
    vector.x509,
  );
  assert.deepEqual(
    bundle.jwtAuthorities.map(({ keyId }) => keyId),
    vector.jwt,
  );
  assert.deepEqual(Object.fromEntries(skipped.map(({ index, reason }) => [index, reason])), vector.skipped);
  assert.equal(bundle.sequenceNumber?.toString(), vector.sequence);
  assert.equal(bundle.refreshHint, vector.refreshHint);
  assert.ok(bundle.x509Authorities.every(({ tainted }) => !tainted));
  if (vector.kind !== "bundle") return;
  // What was understood survives a round trip, and what we write has nothing to skip.
  const again = SpiffeBundle.parseJwks(td, bundle.toJwks());
  assert.equal(again.bundle.equals(bundle), true);
  assert.deepEqual(again.skipped, []);
}

function checkMap(vector: Case): void {
  const { bundles } = BundleMap.parse(vector.document);
  assert.deepEqual(
    [...bundles].map(({ trustDomain }) => trustDomain.name),
    vector.trustDomains,
  );
  assert.ok([...bundles].every(({ refreshHint }) => refreshHint === undefined));
  assert.equal(BundleMap.parse(bundles.encode()).bundles.equals(bundles), true);
}

function fingerprint(certificate: Certificate): string {
  return createHash("sha256").update(certificate.der).digest("hex");
}
