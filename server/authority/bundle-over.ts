import type { Certificate } from "../../certs/index.ts";
import type { JwtAuthority, SpiffeBundle } from "../../spiffe/index.ts";
import type { AuthorityRecord } from "../domain/authority.ts";
import type { BundleEdit } from "../store/ports.ts";
import { turnsOf } from "./schedule.ts";

/** For verifiers whose clocks are behind; a JWT key does not say how long its life was. */
const jwtGrace = 3_600;

/** Nothing that it signed is accepted by anybody any more. `now`: Unix seconds. */
export function isCertificateOver(certificate: Certificate, now: number): boolean {
  const issuedAt = Math.floor(certificate.notBefore / 1000);
  const notAfter = Math.floor(certificate.notAfter / 1000);
  return now >= turnsOf({ issuedAt, notAfter }).deadAt;
}

export function isJwtKeyOver({ expiresAt }: Pick<JwtAuthority, "expiresAt">, now: number): boolean {
  return expiresAt !== 0 && now >= expiresAt + jwtGrace;
}

/**
 * Takes out of the bundle what has ended and is no record's: authorities that came from above, from servers below, or by
 * hand. Authorities with a record leave with it.
 */
export function expiredEdits(
  bundle: SpiffeBundle,
  records: readonly AuthorityRecord[],
  now: number,
): readonly BundleEdit[] {
  const anchors = new Set(records.flatMap((record) => record.anchors.map(fingerprint)));
  const keyIds = new Set(records.filter(({ kind }) => kind === "jwt").map(({ id }) => id));
  return [
    ...bundle.x509Authorities
      .filter(({ certificate }) => isCertificateOver(certificate, now) && !anchors.has(fingerprint(certificate.der)))
      .map(({ certificate }) => ({ kind: "remove-x509", certificateDer: certificate.der }) as const),
    ...bundle.jwtAuthorities
      .filter((key) => isJwtKeyOver(key, now) && !keyIds.has(key.keyId))
      .map(({ keyId }) => ({ kind: "remove-jwt", keyId }) as const),
  ];
}

function fingerprint(der: Uint8Array): string {
  return Buffer.from(der).toString("base64");
}
