import { parsePemCertificates } from "../../certs/index.ts";
import { encodeBundle } from "../../proto/convert/bundle.ts";
import type { Bundle } from "../../proto/gen/spire/api/types/Bundle.ts";
import { SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import { inputError } from "../exit-codes.ts";

export type BundleFormat = "pem" | "spiffe";

/**
 * The bundle of `text`: PEM certificates, or a SPIFFE bundle document. A document is taken whole or not at all: a key that
 * was left out unseen would be missed later. Throws an error that says what is wrong.
 */
export function parseBundle(text: string, format: BundleFormat, trustDomain: TrustDomain): Bundle {
  if (format === "pem") {
    const x509Authorities = parsePemCertificates(text).map((certificate) => ({ certificate }));
    return encodeBundle(SpiffeBundle.of(trustDomain, { x509Authorities }));
  }
  const { bundle, skipped } = SpiffeBundle.parseJwks(trustDomain, text);
  const [first] = skipped;
  if (first !== undefined) throw new Error(`key ${first.index + 1} of the document cannot be used: ${first.reason}`);
  return encodeBundle(bundle);
}

/** A name, or `spiffe://name`. @throws CommandError ERR_USAGE that names the flag */
export function trustDomainFlag(flag: string, text: string): TrustDomain {
  try {
    return TrustDomain.parseNameOrId(text);
  } catch (error) {
    throw inputError("ERR_USAGE", `${flag}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
