import type { Certificate } from "../../certs/index.ts";
import { encodeBase64 } from "../encoding/base64.ts";
import { writePublicJwk } from "./jwk.ts";
import type { JwtAuthority } from "./jwt-authority.ts";

/** What of a bundle goes into a document. */
export interface BundleContent {
  readonly x509Authorities: readonly { readonly certificate: Certificate }[];
  readonly jwtAuthorities: readonly JwtAuthority[];
  readonly sequenceNumber: bigint | undefined;
  readonly refreshHint: number | undefined;
}

/**
 * A SPIFFE bundle document. Each X.509 authority is an entry of its own with a one-element `x5c` and no `kid`
 * (X509-41 to X509-43). Nothing but `x509-svid` and `jwt-svid` entries is ever written: SPIRE refuses a document
 * with another `use`.
 */
export function writeSpiffeJwks(bundle: BundleContent, options: { readonly refreshHint: boolean }): string {
  const keys = [
    ...bundle.x509Authorities.map(({ certificate }) => ({
      use: "x509-svid",
      ...writePublicJwk(certificate.publicKey()),
      x5c: [encodeBase64(certificate.der)],
    })),
    ...bundle.jwtAuthorities.map((authority) => ({ use: "jwt-svid", ...writeJwtKey(authority) })),
  ];
  const members = [`"keys":${JSON.stringify(keys)}`];
  // By hand, because JSON.stringify has no integers beyond 2^53.
  if (bundle.sequenceNumber !== undefined) members.push(`"spiffe_sequence":${bundle.sequenceNumber}`);
  if (options.refreshHint && bundle.refreshHint !== undefined) {
    members.push(`"spiffe_refresh_hint":${bundle.refreshHint}`);
  }
  return `{${members.join(",")}}`;
}

/** A plain JWK Set of the JWT keys, without `use` (ADR 0001). */
export function writeWorkloadJwks(authorities: readonly JwtAuthority[]): string {
  return JSON.stringify({ keys: authorities.map(writeJwtKey) });
}

function writeJwtKey(authority: JwtAuthority): object {
  return { kid: authority.keyId, ...writePublicJwk(authority.publicKey()) };
}
