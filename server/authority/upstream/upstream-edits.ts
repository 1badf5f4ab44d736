import { Certificate } from "../../../certs/index.ts";
import type { JwtAuthority, SpiffeBundle } from "../../../spiffe/index.ts";
import type { AuthorityRecord } from "../../domain/authority.ts";
import type { BundleEdit } from "../../store/ports.ts";
import { isCertificateOver, isJwtKeyOver } from "../bundle-over.ts";
import { revokedAbove } from "../distrusted-above.ts";
import type { UpstreamBundle } from "../ports.ts";

export interface UpstreamChange {
  /** Own bundle as it is. */
  readonly bundle: SpiffeBundle;
  readonly records: readonly AuthorityRecord[];
  /** What was trusted above before; `undefined` after a start. */
  readonly before: UpstreamBundle | undefined;
  readonly now: UpstreamBundle;
  readonly nowSeconds: number;
}

/**
 * What the own bundle has to take over from the one above: what is new there, what is tainted there, and what was taken
 * out there; what an operator has revoked here does not come back. After a start it is not known what was there before: then only what is tainted and gone is taken out, since
 * a revocation is preceded by a taint. Own authorities stay, whatever is said above.
 */
export function upstreamEdits(change: UpstreamChange): readonly BundleEdit[] {
  return [...x509Edits(change), ...(change.now.jwt === undefined ? [] : jwtEdits(change, change.now.jwt))];
}

function* x509Edits({ bundle, records, before, now, nowSeconds }: UpstreamChange): Generator<BundleEdit, void> {
  const own = new Map(bundle.x509Authorities.map((authority) => [text(authority.certificate.der), authority]));
  const above = new Set(now.x509.map(({ certificateDer }) => text(certificateDer)));
  const aboveBefore = new Set(before?.x509.map(({ certificateDer }) => text(certificateDer)));
  const self = new Set(records.flatMap((record) => (record.upstreamId === "" ? record.anchors.map(text) : [])));
  const revoked = revokedAbove(records);
  for (const { certificateDer, tainted } of now.x509) {
    const certificate = Certificate.parse(certificateDer);
    const { subjectKeyId } = certificate;
    const known = own.get(text(certificateDer));
    if (known === undefined) {
      if (isCertificateOver(certificate, nowSeconds) || (subjectKeyId !== undefined && revoked.has(subjectKeyId)))
        continue;
      yield { kind: "add-x509", certificateDer };
    }
    if (tainted && known?.tainted !== true && subjectKeyId !== undefined) yield { kind: "taint-x509", subjectKeyId };
  }
  if (!now.isComplete) return;
  for (const [der, { certificate, tainted }] of own) {
    if (above.has(der) || self.has(der)) continue;
    if (aboveBefore.has(der) || tainted) yield { kind: "remove-x509", certificateDer: certificate.der };
  }
}

function* jwtEdits(
  { bundle, records, before, nowSeconds }: UpstreamChange,
  now: readonly JwtAuthority[],
): Generator<BundleEdit, void> {
  const own = new Map(bundle.jwtAuthorities.map((key) => [key.keyId, key]));
  const above = new Set(now.map(({ keyId }) => keyId));
  const aboveBefore = new Set(before?.jwt?.map(({ keyId }) => keyId));
  const self = new Set(records.flatMap(({ kind, id }) => (kind === "jwt" ? [id] : [])));
  for (const key of now) {
    const { keyId, spkiDer, expiresAt, tainted } = key;
    const known = own.get(keyId);
    if (known === undefined && isJwtKeyOver(key, nowSeconds)) continue;
    if (known === undefined) yield { kind: "add-jwt", keyId, publicKey: spkiDer, expiresAt };
    const isSame = known === undefined || text(known.spkiDer) === text(spkiDer);
    if (tainted && known?.tainted !== true && isSame && !self.has(keyId)) yield { kind: "taint-jwt", keyId };
  }
  for (const [keyId, { tainted }] of own) {
    if (!above.has(keyId) && !self.has(keyId) && (aboveBefore.has(keyId) || tainted))
      yield { kind: "remove-jwt", keyId };
  }
}

function text(der: Uint8Array): string {
  return Buffer.from(der).toString("base64");
}
