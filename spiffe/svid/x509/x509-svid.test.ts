import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Certificate, CertsError } from "../../../certs/index.ts";
import { loadVectorFile } from "../../../test/vectors/load.ts";
import { BundleMap, SpiffeBundle, SpiffeError, TrustDomain, verifyX509Svid } from "../../index.ts";

interface Case {
  readonly name: string;
  readonly clauses: readonly string[];
  readonly chain: readonly string[];
  readonly usage: "client" | "server" | "any";
  readonly id?: string;
  readonly code?: string;
  readonly cause?: string;
}

interface World {
  readonly atMs: number;
  readonly bundles: Readonly<Record<string, readonly string[]>>;
}

const world = loadVectorFile<Case, World>("x509-svid.json");
const bytes = (base64: string): Uint8Array => Buffer.from(base64, "base64");
const bundles = BundleMap.of(
  Object.entries(world.bundles).map(([name, roots]) => {
    const x509Authorities = roots.map((root) => ({ certificate: Certificate.parse(bytes(root)) }));
    return SpiffeBundle.of(TrustDomain.parse(name), { x509Authorities });
  }),
);

describe("verifyX509Svid() by the vectors", () => {
  for (const vector of world.cases) {
    const { name, clauses, usage } = vector;
    it(`${vector.code === undefined ? "accepts" : "refuses"}: ${name} (${clauses.join(", ")})`, () => {
      const chain = vector.chain.map(bytes);
      const verify = () => verifyX509Svid({ chain, bundles, atMs: world.atMs, usage });
      if (vector.code !== undefined) {
        assert.throws(verify, (error) => isExpected(error, vector));
        return;
      }
      const { id, path, chain: presented } = verify();
      assert.equal(id.toString(), vector.id);
      assert.deepEqual(
        presented.map(({ der }) => Buffer.from(der)),
        chain,
      );
      assert.equal(path[0]?.equals(Certificate.parse(chain[0] ?? bytes(""))), true);
      const root = path.at(-1);
      const roots = bundles.get(id.trustDomain)?.x509Authorities ?? [];
      assert.ok(roots.some(({ certificate }) => root?.equals(certificate)));
      // The same bytes, one after the other.
      const joined = verifyX509Svid({ chain: Buffer.concat(chain), bundles, atMs: world.atMs, usage });
      assert.equal(joined.id.equals(id), true);
    });
  }
});

function isExpected(error: unknown, { code, cause }: Case): true {
  assert.ok(error instanceof SpiffeError, String(error));
  assert.equal(error.code, code, `${error.message} ${error.cause}`);
  if (cause !== undefined) {
    assert.ok(error.cause instanceof CertsError);
    assert.equal(error.cause.code, cause);
  }
  return true;
}
