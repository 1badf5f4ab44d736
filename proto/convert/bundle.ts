import { Certificate } from "../../certs/index.ts";
import { JwtAuthority, SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import type { Bundle, Bundle__Output } from "../gen/spire/api/types/Bundle.ts";
import type { JWTKey, JWTKey__Output } from "../gen/spire/api/types/JWTKey.ts";
import { readCount } from "./integers.ts";
import { applyMask, type Mask, oneOf } from "./mask.ts";
import { decodeWith, type Problems } from "./problems.ts";

/** The fields a BundleMask names; `trust_domain` is always there. */
const bundleFields = [
  "x509_authorities",
  "jwt_authorities",
  "refresh_hint",
  "sequence_number",
  "wit_authorities",
] as const;
export type BundleField = (typeof bundleFields)[number];
export type BundleMask = Mask<BundleField>;
const isBundleField = oneOf(bundleFields);

export function encodeBundle(bundle: SpiffeBundle, mask?: BundleMask): Bundle {
  const whole: Bundle = {
    trust_domain: bundle.trustDomain.name,
    x509_authorities: bundle.x509Authorities.map(({ certificate, tainted }) => ({ asn1: certificate.der, tainted })),
    jwt_authorities: bundle.jwtAuthorities.map(encodeJwtKey),
    refresh_hint: bundle.refreshHint ?? 0,
    sequence_number: (bundle.sequenceNumber ?? 0n).toString(),
  };
  return mask === undefined ? whole : applyMask(whole, mask, isBundleField);
}

/**
 * A bundle whose every authority must parse: a bundle that is read in part is not the bundle that was sent. WIT keys
 * are left out. Nothing of the result shares memory with the message. Throws `ERR_MALFORMED_REQUEST`.
 */
export function decodeBundle(wire: Bundle__Output): SpiffeBundle {
  return decodeWith((problems) => readBundle(problems, "", wire));
}

export function readBundle(problems: Problems, prefix: string, wire: Bundle__Output): SpiffeBundle | undefined {
  const trustDomain = problems.attempt(`${prefix}trust_domain`, () => TrustDomain.parseNameOrId(wire.trust_domain));
  const parts = {
    x509Authorities: wire.x509_authorities.flatMap(({ asn1, tainted }, index) => {
      const field = `${prefix}x509_authorities[${index}].asn1`;
      const certificate = problems.attempt(field, () => Certificate.parse(Uint8Array.from(asn1)));
      return certificate === undefined ? [] : [{ certificate, tainted }];
    }),
    jwtAuthorities: wire.jwt_authorities.flatMap((key, index) => {
      const authority = readJwtKey(problems, `${prefix}jwt_authorities[${index}]`, key);
      return authority === undefined ? [] : [authority];
    }),
    refreshHint: readCount(problems, `${prefix}refresh_hint`, wire.refresh_hint) || undefined,
    // protobufjs decodes a uint64 to its decimal digits, nothing else.
    sequenceNumber: BigInt(wire.sequence_number),
  };
  if (trustDomain === undefined) return undefined;
  return problems.attempt(`${prefix}jwt_authorities`, () => SpiffeBundle.of(trustDomain, parts));
}

export function encodeJwtKey({ spkiDer, keyId, expiresAt, tainted }: JwtAuthority): JWTKey {
  return { public_key: spkiDer, key_id: keyId, expires_at: expiresAt, tainted };
}

/** Throws `ERR_MALFORMED_REQUEST`, also when it is missing. */
export function decodeJwtKey(wire: JWTKey__Output | null, field: string): JwtAuthority {
  return decodeWith((problems) => {
    if (wire === null) problems.add(field, "missing JWT authority");
    return wire === null ? undefined : readJwtKey(problems, field, wire);
  });
}

function readJwtKey(
  problems: Problems,
  field: string,
  wire: Bundle__Output["jwt_authorities"][number],
): JwtAuthority | undefined {
  const expiresAt = readCount(problems, `${field}.expires_at`, wire.expires_at);
  return problems.attempt(field, () =>
    JwtAuthority.of({
      spkiDer: Uint8Array.from(wire.public_key),
      keyId: wire.key_id,
      expiresAt,
      tainted: wire.tainted,
    }),
  );
}
