import type { Clock } from "../../runtime/core/index.ts";
import type { AuthorityKeyType } from "../issuance/ports.ts";
import type { AuthorityKindProfile } from "./authority-kind.ts";

/** JWT signing keys: a random `kid`, published as it is. */
export function jwtKind(options: {
  readonly keyType: AuthorityKeyType;
  /** Seconds. */
  readonly ttl: number;
  readonly clock: Clock;
}): AuthorityKindProfile {
  return {
    kind: "jwt",
    keyType: options.keyType,
    provisionalId: (random) => Buffer.from(random.bytes(16)).toString("hex"),
    forge: async (record) => {
      const issuedAt = Math.floor(options.clock.now() / 1000);
      return { id: record.id, chain: [], anchors: [], upstreamId: "", issuedAt, notAfter: issuedAt + options.ttl };
    },
    publishEdits: ({ id, publicKey, notAfter }) => [{ kind: "add-jwt", keyId: id, publicKey, expiresAt: notAfter }],
    taintEdits: ({ id }) => [{ kind: "taint-jwt", keyId: id }],
    revokeEdits: ({ id }) => [{ kind: "remove-jwt", keyId: id }],
    withdrawEdits: ({ id }) => [{ kind: "remove-jwt", keyId: id }],
  };
}
