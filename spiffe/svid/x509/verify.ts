import { type Certificate, CertsError, verifyChain } from "../../../certs/index.ts";
import type { SpiffeBundle } from "../../bundle/spiffe-bundle.ts";
import { SpiffeError } from "../../errors.ts";
import type { SpiffeId } from "../../id/spiffe-id.ts";
import type { BundleSource } from "../bundle-source.ts";
import { type ChainInput, readChain } from "./chain.ts";
import { checkLeaf } from "./leaf.ts";

export interface VerifyX509SvidOptions {
  /** Leaf first, then intermediates in any order. */
  readonly chain: ChainInput;
  readonly bundles: BundleSource;
  readonly atMs: number;
  /** Which extended key usage the leaf must allow, if it has that extension. */
  readonly usage: "client" | "server" | "any";
}

export interface VerifiedX509Svid {
  readonly id: SpiffeId;
  /** As presented. */
  readonly chain: readonly Certificate[];
  /** As verified: leaf … root. */
  readonly path: readonly Certificate[];
}

/**
 * Verifies an X509-SVID (X509-SVID §5): first that the leaf may be one, then its path, under the authorities of the
 * leaf's own trust domain and no other (trap P-07). Whether that identity may do anything is for the caller to decide,
 * on the whole SPIFFE ID.
 * @throws SpiffeError ERR_X509_SVID_ENCODING, …_CHAIN_LENGTH, …_URI_SAN, …_ID, …_NO_PATH, …_SIGNING_CERTIFICATE,
 * …_KEY_USAGE, …_UNTRUSTED (the cause is a CertsError); ERR_TRUST_DOMAIN_NOT_TRUSTED, ERR_BUNDLE_NO_X509_AUTHORITIES
 */
export function verifyX509Svid(options: VerifyX509SvidOptions): VerifiedX509Svid {
  const chain = readChain(options.chain);
  const [leaf, ...intermediates] = chain;
  const id = checkLeaf(leaf);
  const bundle = findBundle(id, options.bundles);
  const roots = bundle.x509Authorities.map(({ certificate }) => certificate);
  try {
    const path = verifyChain({ leaf, intermediates, roots, atMs: options.atMs, usage: options.usage });
    return { id, chain, path };
  } catch (cause) {
    if (!(cause instanceof CertsError)) throw cause;
    throw new SpiffeError("ERR_X509_SVID_UNTRUSTED", `the chain does not verify: ${cause.message}`, { cause });
  }
}

function findBundle(id: SpiffeId, bundles: BundleSource): SpiffeBundle {
  const bundle = bundles.get(id.trustDomain);
  if (bundle === undefined || !bundle.trustDomain.equals(id.trustDomain)) {
    throw new SpiffeError("ERR_TRUST_DOMAIN_NOT_TRUSTED", "there is no bundle for the trust domain of the leaf");
  }
  if (bundle.x509Authorities.length > 0) return bundle;
  throw new SpiffeError(
    "ERR_BUNDLE_NO_X509_AUTHORITIES",
    "the bundle of the leaf's trust domain has no X.509 authority",
  );
}
