import type { Clock } from "../../runtime/core/index.ts";
import { JwtAuthority } from "../../spiffe/index.ts";
import type { AuthorityKeyType } from "../issuance/ports.ts";
import type { AuthorityKindProfile } from "./authority-kind.ts";
import type { UpstreamAuthority } from "./ports.ts";

/** JWT signing keys: a random `kid`, published as it is. */
export function jwtKind(options: {
  readonly keyType: AuthorityKeyType;
  /** Seconds. */
  readonly ttl: number;
  readonly clock: Clock;
  /** A key signs only once those above know it too. */
  readonly upstream: Pick<UpstreamAuthority, "publishJwtKey">;
}): AuthorityKindProfile {
  return {
    kind: "jwt",
    keyType: options.keyType,
    life: options.ttl,
    provisionalId: (random) => Buffer.from(random.bytes(16)).toString("hex"),
    forge: async ({ id: keyId }, signer) => {
      const issuedAt = Math.floor(options.clock.now() / 1000);
      const notAfter = issuedAt + options.ttl;
      const key = JwtAuthority.fromKey(signer.publicKey, { keyId, expiresAt: notAfter });
      await options.upstream.publishJwtKey?.(key);
      return { id: keyId, chain: [], anchors: [], upstreamId: "", issuedAt, notAfter };
    },
    publishEdits: ({ id, publicKey, notAfter }) => [{ kind: "add-jwt", keyId: id, publicKey, expiresAt: notAfter }],
    taintEdits: ({ id }) => [{ kind: "taint-jwt", keyId: id }],
    revokeEdits: ({ id }) => [{ kind: "remove-jwt", keyId: id }],
    withdrawEdits: ({ id }) => [{ kind: "remove-jwt", keyId: id }],
  };
}
