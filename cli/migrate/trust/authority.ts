import { createHash } from "node:crypto";
import type { Certificate } from "../../../certs/index.ts";
import type { Bundle__Output } from "../../../proto/gen/spire/api/types/Bundle.ts";
import { parseCertificates } from "../../../spiffe/index.ts";

/** One authority of a bundle, as the mirror compares them. */
export type Authority = X509 | Jwt;

interface Common {
  /** The same authority has the same key on both sides. */
  readonly key: string;
  /** For people: kind and id. */
  readonly name: string;
  /** Unix seconds; 0 = never. */
  readonly expiresAt: number;
  readonly tainted: boolean;
  /** Why it must not be copied. */
  readonly fault: string | undefined;
}

interface X509 extends Common {
  readonly kind: "x509";
  readonly der: Uint8Array;
  readonly subjectKeyId: string;
}

interface Jwt extends Common {
  readonly kind: "jwt";
  readonly keyId: string;
  readonly spki: Uint8Array;
}

/** Every authority by itself: one that cannot be read must not keep the others from being copied. */
export function authoritiesOf(bundle: Bundle__Output): readonly Authority[] {
  const idString = `spiffe://${bundle.trust_domain.replace(/^spiffe:\/\//, "")}`;
  return [...bundle.x509_authorities.flatMap((item) => x509Of(item, idString)), ...bundle.jwt_authorities.map(jwtOf)];
}

function x509Of({ asn1, tainted }: Bundle__Output["x509_authorities"][number], idString: string): readonly X509[] {
  try {
    return parseCertificates(Uint8Array.from(asn1)).map((certificate) => ({
      kind: "x509",
      key: `x509:${digest(certificate.der)}`,
      name: `X.509 authority ${certificate.subjectKeyId ?? digest(certificate.der).slice(0, 40)}`,
      expiresAt: Math.floor(certificate.notAfter / 1000),
      tainted,
      fault: faultOf(certificate, idString),
      der: certificate.der,
      subjectKeyId: certificate.subjectKeyId ?? "",
    }));
  } catch (error) {
    const fault = `it is no certificate: ${error instanceof Error ? error.message : String(error)}`;
    const id = digest(asn1);
    const name = `X.509 authority ${id.slice(0, 40)}`;
    return [{ kind: "x509", key: `x509:${id}`, name, expiresAt: 0, tainted, fault, der: asn1, subjectKeyId: "" }];
  }
}

/** A bundle may hold what no verifier would take; only authorities of this trust domain are worth trusting elsewhere. */
function faultOf(certificate: Certificate, idString: string): string | undefined {
  if (!certificate.isCa) return "it is not the certificate of an authority";
  if (certificate.keyUsage?.has("keyCertSign") === false) return "its key must not sign certificates";
  const foreign = certificate.uriSans.find((uri) => uri.startsWith("spiffe://") && uri !== idString);
  return foreign === undefined ? undefined : `it is an authority of ${foreign}`;
}

function jwtOf({ public_key, key_id, expires_at, tainted }: Bundle__Output["jwt_authorities"][number]): Jwt {
  return {
    kind: "jwt",
    key: `jwt:${key_id}`,
    name: `JWT key ${key_id}`,
    expiresAt: Number(expires_at),
    tainted,
    fault: key_id === "" ? "it has no key id" : undefined,
    keyId: key_id,
    spki: public_key,
  };
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
