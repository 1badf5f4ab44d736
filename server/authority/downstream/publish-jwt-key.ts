import type { JwtAuthority, SpiffeBundle } from "../../../spiffe/index.ts";
import { serverErrors } from "../../errors.ts";
import { serverLimits } from "../../limits.ts";
import type { AuthorityStore } from "../../store/ports.ts";
import type { UpstreamAuthority } from "../ports.ts";

export interface PublishJwtKeyDeps {
  readonly store: Pick<AuthorityStore, "commitAuthorities">;
  readonly upstream: Pick<UpstreamAuthority, "publishJwtKey">;
  readonly nowSeconds: number;
  readonly bundle: SpiffeBundle;
}

/**
 * Puts the JWT key of a server below into the trust domain's bundle, above first when there is something above: when it
 * resolves, everybody up to the root verifies what the key signs. Publishing the same key again changes nothing.
 *
 * @returns the bundle with the key in it
 * @throws ERR_JWT_KEY_EXPIRED, ERR_JWT_KEY_ENDLESS, ERR_JWT_KEY_TAKEN (the key id is another key's), ERR_BUNDLE_FULL, what upstream says
 */
export async function publishJwtKey(deps: PublishJwtKeyDeps, key: JwtAuthority): Promise<SpiffeBundle> {
  const { bundle, store, upstream } = deps;
  if (key.expiresAt === 0) throw serverErrors.error("ERR_JWT_KEY_ENDLESS", "the JWT key has no expiry");
  if (key.expiresAt <= deps.nowSeconds) {
    throw serverErrors.error("ERR_JWT_KEY_EXPIRED", "the JWT key has expired");
  }
  const known = bundle.jwtAuthorities.find(({ keyId }) => keyId === key.keyId);
  if (known !== undefined && !isSameKey(known, key)) throw taken(key);
  if (known === undefined && bundle.jwtAuthorities.length >= serverLimits.bundleJwtAuthorities.value) {
    throw serverErrors.error("ERR_BUNDLE_FULL", "the bundle has no room for another JWT key");
  }
  await upstream.publishJwtKey?.(key);
  const { keyId, spkiDer: publicKey, expiresAt } = key;
  const after = await store.commitAuthorities({
    put: [],
    remove: [],
    bundleEdits: [{ kind: "add-jwt", keyId, publicKey, expiresAt }],
  });
  // Somebody else may have taken the id since: adding what is there changes nothing.
  if (after.jwtAuthorities.some((there) => isSameKey(there, key))) return after;
  throw taken(key);
}

function isSameKey(one: JwtAuthority, other: JwtAuthority): boolean {
  return one.keyId === other.keyId && Buffer.compare(one.spkiDer, other.spkiDer) === 0;
}

function taken({ keyId }: JwtAuthority): Error {
  return serverErrors.error("ERR_JWT_KEY_TAKEN", `another key has the id ${JSON.stringify(keyId)}`);
}
