import { encodePem } from "../../certs/index.ts";
import { decodeBundle } from "../../proto/convert/bundle.ts";
import type { Bundle__Output } from "../../proto/gen/spire/api/types/Bundle.ts";
import { printable } from "../output.ts";
import type { BundleFormat } from "./read-bundle.ts";

export function bundleText(wire: Bundle__Output, format: BundleFormat): string {
  const bundle = decodeBundle(wire);
  // Key ids are chosen by others; the document is one line, and what is escaped in it is in its strings.
  if (format === "spiffe") return printable(bundle.toJwks());
  return bundle.x509Authorities
    .map(({ certificate }) => encodePem("CERTIFICATE", certificate.der))
    .join("")
    .trimEnd();
}

const stars = "*".repeat(40);

/** Each under its trust domain, as SPIRE's command line shows them. */
export function bundlesText(bundles: readonly Bundle__Output[], format: BundleFormat): string {
  return bundles
    .map((bundle) => [stars, `* ${bundle.trust_domain}`, stars, bundleText(bundle, format)].join("\n"))
    .join("\n\n");
}
