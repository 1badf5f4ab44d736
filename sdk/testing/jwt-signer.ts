import { type KeyObject, sign } from "node:crypto";
import { encodeSpki } from "../../certs/index.ts";
import type { Random } from "../../runtime/core/index.ts";
import { encodeJwtSvid, type JwtSvidClaims, joinJws } from "../../spiffe/index.ts";
import { newKey } from "./signing-ca.ts";

/** One JWT authority of a trust domain: a key with its id, ES256. */
export class JwtSigner {
  readonly keyId: string;
  readonly spkiDer: Uint8Array;
  readonly #key: KeyObject = newKey();

  constructor(random: Random) {
    this.keyId = Buffer.from(random.bytes(12)).toString("base64url");
    this.spkiDer = encodeSpki(this.#key);
  }

  issue(claims: JwtSvidClaims): string {
    return this.sign(encodeJwtSvid({ alg: "ES256", kid: this.keyId, claims }));
  }

  /** `signingInput`: header and payload of a JWS, encoded. */
  sign(signingInput: string): string {
    const key = { key: this.#key, dsaEncoding: "ieee-p1363" } as const;
    return joinJws(signingInput, sign("sha256", Buffer.from(signingInput), key));
  }
}
