import { Certificate } from "../../certs/index.ts";
import type { IssuedJwtSvid } from "../../proto/domain/link.ts";
import { parseJwtSvid, type SpiffeBundle } from "../../spiffe/index.ts";
import type { Violations } from "./violations.ts";

/** Everything that was ever signed: no serial number twice, and no issuer leaves the bundle before its last SVID is dead. */
export class Ledger {
  readonly #violations: Violations;
  readonly #serials = new Set<string>();
  /** Unix ms of the last expiry, by authority. */
  readonly #x509Until = new Map<string, number>();
  readonly #jwtUntil = new Map<string, number>();
  jwtSvids = 0;

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  get x509Svids(): number {
    return this.#serials.size;
  }

  /** Authorities that have signed, of those whose SVIDs have not all expired. */
  get authorities(): number {
    return this.#x509Until.size;
  }

  x509(chain: readonly Uint8Array[]): void {
    const [der] = chain;
    if (der === undefined) throw new Error("an SVID without a certificate was issued");
    const { serialNumber, authorityKeyId = "", notAfter } = Certificate.parse(der);
    if (this.#serials.has(serialNumber)) this.#violations.add(`serial number ${serialNumber} was given twice`);
    this.#serials.add(serialNumber);
    this.#x509Until.set(authorityKeyId, Math.max(notAfter, this.#x509Until.get(authorityKeyId) ?? 0));
  }

  jwt({ token, expiresAt }: Pick<IssuedJwtSvid, "token" | "expiresAt">): void {
    this.jwtSvids += 1;
    const { keyId = "" } = parseJwtSvid(token);
    this.#jwtUntil.set(keyId, Math.max(expiresAt * 1000, this.#jwtUntil.get(keyId) ?? 0));
  }

  checkBundle(bundle: SpiffeBundle, nowMs: number): void {
    const x509 = new Set(bundle.x509Authorities.map(({ certificate }) => certificate.subjectKeyId));
    const jwt = new Set(bundle.jwtAuthorities.map(({ keyId }) => keyId));
    this.#check("X.509", this.#x509Until, (id) => x509.has(id), nowMs);
    this.#check("JWT", this.#jwtUntil, (id) => jwt.has(id), nowMs);
  }

  #check(kind: string, untilById: Map<string, number>, isThere: (id: string) => boolean, nowMs: number): void {
    for (const [id, until] of untilById) {
      if (until <= nowMs) untilById.delete(id);
      else if (!isThere(id)) this.#violations.add(`${kind} authority ${id} left the bundle before what it signed died`);
    }
  }
}
