import { createPublicKey, type KeyObject } from "node:crypto";
import { SpiffeError } from "../errors.ts";
import { spiffeLimits } from "../limits.ts";
import { checkJwtKey } from "./jwt-key.ts";

/** What a `JwtAuthority` is made of. */
export interface JwtAuthorityParts {
  /** 1 to 1024 bytes; what `kid` of a token names. */
  readonly keyId: string;
  /** DER SubjectPublicKeyInfo. */
  readonly spkiDer: Uint8Array;
  /** Unix seconds; 0 or absent = none. Informational: tokens carry their own end. */
  readonly expiresAt?: number;
  /** In memory only: no bundle document can say it. */
  readonly tainted?: boolean;
}

/** A key that signs JWT-SVIDs: EC P-256, P-384, P-521 or RSA of 2048–8192 bits, under a key id. Immutable. */
export class JwtAuthority {
  /** What `kid` of a token names. */
  readonly keyId: string;
  /** DER SubjectPublicKeyInfo. */
  readonly spkiDer: Uint8Array;
  /** Unix seconds; 0 = none. Informational: tokens carry their own end. */
  readonly expiresAt: number;
  /** Its issuer must no longer use it. In memory only: no bundle document can say it. */
  readonly tainted: boolean;
  readonly #key: KeyObject;

  private constructor(key: KeyObject, parts: Omit<JwtAuthorityParts, "spkiDer">) {
    this.#key = key;
    this.keyId = parts.keyId;
    // Written by OpenSSL, not the bytes given: one key then has one spelling and `equals` can compare bytes.
    this.spkiDer = key.export({ type: "spki", format: "der" });
    this.expiresAt = parts.expiresAt ?? 0;
    this.tainted = parts.tainted ?? false;
  }

  /** @throws SpiffeError ERR_JWT_AUTHORITY_KEY_ID, ERR_JWT_AUTHORITY_KEY */
  static of(parts: JwtAuthorityParts): JwtAuthority {
    return JwtAuthority.fromKey(decodeKey(parts.spkiDer), parts);
  }

  /** @throws SpiffeError ERR_JWT_AUTHORITY_KEY_ID, ERR_JWT_AUTHORITY_KEY */
  static fromKey(key: KeyObject, parts: Omit<JwtAuthorityParts, "spkiDer">): JwtAuthority {
    if (key.type !== "public") throw new SpiffeError("ERR_JWT_AUTHORITY_KEY", "a public key was expected");
    checkJwtKey(key);
    const bytes = Buffer.byteLength(parts.keyId);
    if (bytes === 0 || bytes > spiffeLimits.keyIdBytes.value || !parts.keyId.isWellFormed()) {
      throw new SpiffeError("ERR_JWT_AUTHORITY_KEY_ID", "the key id is empty, too long or not valid Unicode");
    }
    return new JwtAuthority(key, parts);
  }

  /** The key itself. */
  publicKey(): KeyObject {
    return this.#key;
  }

  /** Same key, key id, end and tainted flag. */
  equals(other: JwtAuthority): boolean {
    return (
      this.keyId === other.keyId &&
      this.expiresAt === other.expiresAt &&
      this.tainted === other.tainted &&
      Buffer.compare(this.spkiDer, other.spkiDer) === 0
    );
  }
}

function decodeKey(spkiDer: Uint8Array): KeyObject {
  if (spkiDer.length > spiffeLimits.spkiBytes.value) {
    throw new SpiffeError("ERR_JWT_AUTHORITY_KEY", "the public key is too long");
  }
  try {
    return createPublicKey({ key: Buffer.from(spkiDer), format: "der", type: "spki" });
  } catch (cause) {
    throw new SpiffeError("ERR_JWT_AUTHORITY_KEY", "the public key is not a readable SubjectPublicKeyInfo", { cause });
  }
}
