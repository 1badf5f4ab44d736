import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { loadVectorFile } from "../../../test/vectors/load.ts";
import { BundleMap, parseJwtSvid, SpiffeBundle, SpiffeError, TrustDomain, verifyJwtSvid } from "../../index.ts";

interface Case {
  readonly name: string;
  readonly clauses: readonly string[];
  readonly token: string;
  readonly audience?: readonly string[];
  readonly leewaySeconds?: number;
  readonly id?: string;
  readonly keyId?: string;
  readonly code?: string;
}

interface World {
  readonly atMs: number;
  readonly audience: readonly string[];
  readonly bundles: Readonly<Record<string, object>>;
}

const world = loadVectorFile<Case, World>("jwt-svid.json");
const bundles = BundleMap.of(
  Object.entries(world.bundles).map(([name, document]) => {
    return SpiffeBundle.parseJwks(TrustDomain.parse(name), JSON.stringify(document)).bundle;
  }),
);

function verify({ token, audience = world.audience, leewaySeconds = 0 }: Case): ReturnType<typeof verifyJwtSvid> {
  return verifyJwtSvid({ token, audience, leewaySeconds, bundles, atMs: world.atMs });
}

describe("verifyJwtSvid() by the vectors", () => {
  for (const vector of world.cases) {
    it(`${vector.code === undefined ? "accepts" : "refuses"}: ${vector.name} (${vector.clauses.join(", ")})`, () => {
      if (vector.code === undefined) {
        const svid = verify(vector);
        assert.equal(svid.id.toString(), vector.id);
        assert.equal(svid.keyId, vector.keyId);
        assert.equal(svid.claims["sub"], vector.id);
        assert.equal(parseJwtSvid(vector.token).id.equals(svid.id), true);
        return;
      }
      assert.throws(
        () => verify(vector),
        (error) => {
          assert.ok(error instanceof SpiffeError, String(error));
          assert.equal(error.code, vector.code);
          assertSilent(error, vector.token);
          return true;
        },
      );
    });
  }
});

/** No stretch of twelve characters of the token appears in what could be logged. */
function assertSilent(error: SpiffeError, token: string): void {
  const cause = error.cause instanceof Error ? `${error.cause.stack}` : "";
  const text = `${error.stack} ${cause}`;
  for (let start = 0; start + 12 <= token.length; start += 6) {
    assert.ok(!text.includes(token.slice(start, start + 12)), "a part of the token is in the error");
  }
}
