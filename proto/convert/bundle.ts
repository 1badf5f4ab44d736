import { Certificate } from "../../certs/index.ts";
import {
  JwtAuthority,
  parseCertificates,
  SpiffeBundle,
  type SpiffeBundleParts,
  TrustDomain,
} from "../../spiffe/index.ts";
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

/** What of a bundle a caller wrote. */
export interface BundleDraft {
  readonly trustDomain: TrustDomain;
  /** Those that the mask names are there; a number that is 0 on the wire is there and `undefined`. */
  readonly parts: SpiffeBundleParts;
}

/** Of authorities of each kind: how many, and how many bytes of DER. */
export interface AuthorityLimits {
  readonly authorities: number;
  readonly bytes: number;
}

/**
 * A bundle as callers write it: every authority must parse, an X.509 item may hold several certificates one after the
 * other, and what only a server may say (tainted) is left out, as are WIT keys. Fields beside the mask are not looked
 * at. Throws `ERR_MALFORMED_REQUEST`.
 */
export function decodeBundleDraft(wire: Bundle__Output, mask: BundleMask, limits: AuthorityLimits): BundleDraft {
  return decodeWith((problems) => readBundleDraft(problems, "", wire, mask, limits));
}

export function readBundleDraft(
  problems: Problems,
  prefix: string,
  wire: Bundle__Output,
  mask: BundleMask,
  limits: AuthorityLimits,
): BundleDraft | undefined {
  const trustDomain = problems.attempt(`${prefix}trust_domain`, () => TrustDomain.parseNameOrId(wire.trust_domain));
  const parts: SpiffeBundleParts = {
    ...(mask.has("x509_authorities") && {
      x509Authorities: readX509Draft(problems, `${prefix}x509_authorities`, wire.x509_authorities, limits),
    }),
    ...(mask.has("jwt_authorities") && {
      jwtAuthorities: readJwtDraft(problems, `${prefix}jwt_authorities`, wire.jwt_authorities, limits),
    }),
    ...(mask.has("refresh_hint") && {
      refreshHint: readCount(problems, `${prefix}refresh_hint`, wire.refresh_hint) || undefined,
    }),
    ...(mask.has("sequence_number") && {
      sequenceNumber: wire.sequence_number === "0" ? undefined : BigInt(wire.sequence_number),
    }),
  };
  if (trustDomain === undefined) return undefined;
  // What makes no bundle together: two keys under one id.
  problems.attempt(`${prefix}jwt_authorities`, () => SpiffeBundle.of(trustDomain, parts));
  return { trustDomain, parts };
}

/** Authorities to append. Throws `ERR_MALFORMED_REQUEST`. */
export function decodeAuthorities(
  wire: Pick<Bundle__Output, "x509_authorities" | "jwt_authorities">,
  limits: AuthorityLimits,
): Pick<SpiffeBundle, "x509Authorities" | "jwtAuthorities"> {
  return decodeWith((problems) => {
    const parts = {
      x509Authorities: readX509Draft(problems, "x509_authorities", wire.x509_authorities, limits),
      jwtAuthorities: readJwtDraft(problems, "jwt_authorities", wire.jwt_authorities, limits),
    };
    // Whose they are plays no part in what is wrong with them.
    return problems.attempt("jwt_authorities", () => SpiffeBundle.of(anyTrustDomain, parts));
  });
}

const anyTrustDomain = TrustDomain.parse("any");

function readX509Draft(
  problems: Problems,
  field: string,
  wire: Bundle__Output["x509_authorities"],
  limits: AuthorityLimits,
): readonly { readonly certificate: Certificate }[] {
  if (
    isTooMuch(
      problems,
      field,
      wire.map(({ asn1 }) => asn1),
      limits,
    )
  )
    return [];
  const authorities = wire.flatMap(({ asn1 }, index) => {
    const read = problems.attempt(`${field}[${index}].asn1`, () => parseCertificates(Uint8Array.from(asn1)));
    if (read?.length === 0) problems.add(`${field}[${index}].asn1`, "is empty");
    return (read ?? []).map((certificate) => ({ certificate }));
  });
  if (authorities.length > limits.authorities) problems.add(field, `are more than ${limits.authorities}`);
  return authorities;
}

function readJwtDraft(
  problems: Problems,
  field: string,
  wire: Bundle__Output["jwt_authorities"],
  limits: AuthorityLimits,
): readonly JwtAuthority[] {
  if (
    isTooMuch(
      problems,
      field,
      wire.map(({ public_key }) => public_key),
      limits,
    )
  )
    return [];
  return wire.flatMap((key, index) => {
    return readJwtKey(problems, `${field}[${index}]`, { ...key, tainted: false }) ?? [];
  });
}

/** Before anything is parsed: that is what costs. */
function isTooMuch(
  problems: Problems,
  field: string,
  parts: readonly Uint8Array[],
  { authorities, bytes }: AuthorityLimits,
): boolean {
  const given = parts.reduce((sum, part) => sum + part.length, 0);
  if (parts.length > authorities) problems.add(field, `are more than ${authorities}`);
  if (given > bytes) problems.add(field, `have more than ${bytes} bytes`);
  return parts.length > authorities || given > bytes;
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
