import { Certificate } from "../../../../certs/index.ts";
import {
  type JwtAuthority,
  SpiffeBundle,
  type SpiffeBundleParts,
  type TrustDomain,
  type X509Authority,
} from "../../../../spiffe/index.ts";
import type { BundleEdit } from "../../ports.ts";
import type { BundleRow, BundleRowEdit, BundleRowUpdate, JwtAuthorityRow, X509AuthorityRow } from "../protocol.ts";
import { bit } from "./entry.ts";
import type { SharedValues } from "./shared-values.ts";

export function decodeBundle(row: BundleRow, shared: SharedValues): SpiffeBundle {
  const [trustDomain, sequenceNumber, refreshHint, x509, jwt] = row;
  return SpiffeBundle.of(shared.trustDomain(trustDomain), {
    x509Authorities: x509.map(([der, , tainted]) => ({ certificate: Certificate.parse(der), tainted: tainted === 1 })),
    jwtAuthorities: jwt.map(([keyId, spkiDer, expiresAt, tainted]) => {
      return { keyId, spkiDer, expiresAt, tainted: tainted === 1 };
    }),
    sequenceNumber: sequenceNumber === null ? undefined : BigInt(sequenceNumber),
    refreshHint: refreshHint ?? undefined,
  });
}

export function encodeBundle(bundle: SpiffeBundle): BundleRow {
  return [
    bundle.trustDomain.name,
    bundle.sequenceNumber?.toString() ?? null,
    bundle.refreshHint ?? null,
    bundle.x509Authorities.map(encodeX509Authority),
    bundle.jwtAuthorities.map(encodeJwtAuthority),
  ];
}

/** @throws SpiffeError when the parts make no bundle */
export function encodeBundleUpdate(trustDomain: TrustDomain, change: SpiffeBundleParts): BundleRowUpdate {
  const [, sequenceNumber, refreshHint, x509, jwt] = encodeBundle(SpiffeBundle.of(trustDomain, change));
  return {
    ...("sequenceNumber" in change && { sequenceNumber }),
    ...("refreshHint" in change && { refreshHint }),
    ...("x509Authorities" in change && { x509 }),
    ...("jwtAuthorities" in change && { jwt }),
  };
}

export function encodeX509Authority({ certificate, tainted }: X509Authority): X509AuthorityRow {
  return [ownBytes(certificate.der), certificate.subjectKeyId ?? "", bit(tainted)];
}

export function encodeJwtAuthority({ keyId, spkiDer, expiresAt, tainted }: JwtAuthority): JwtAuthorityRow {
  return [keyId, ownBytes(spkiDer), expiresAt, bit(tainted)];
}

/** @throws CertsError when an added certificate does not parse */
export function encodeBundleEdit(edit: BundleEdit): BundleRowEdit {
  switch (edit.kind) {
    case "add-x509": {
      const { subjectKeyId = "" } = Certificate.parse(edit.certificateDer);
      return { kind: edit.kind, certificate: ownBytes(edit.certificateDer), subjectKeyId };
    }
    case "remove-x509":
      return { kind: edit.kind, certificate: ownBytes(edit.certificateDer) };
    case "add-jwt":
      return { ...edit, publicKey: ownBytes(edit.publicKey) };
    default:
      return edit;
  }
}

/** A copy with a buffer of its own: cloning a view would send the whole pool behind it to the other thread. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}
