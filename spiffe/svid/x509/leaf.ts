import type { Certificate } from "../../../certs/index.ts";
import { SpiffeError } from "../../errors.ts";
import { SpiffeId } from "../../id/spiffe-id.ts";

/**
 * The duties of a validator towards a leaf (X509-SVID §5.2) that need no bundle. Beyond §5.2, a leaf without the key
 * usage that §4.3 obliges every issuer to set is refused (ADR 0001).
 * @returns the SPIFFE ID
 * @throws SpiffeError ERR_X509_SVID_URI_SAN, ERR_X509_SVID_ID, ERR_X509_SVID_NO_PATH, ERR_X509_SVID_SIGNING_CERTIFICATE,
 * ERR_X509_SVID_KEY_USAGE
 */
export function checkLeaf(leaf: Certificate): SpiffeId {
  const [uri, ...more] = leaf.uriSans;
  // URIs are counted, not SPIFFE IDs (trap P-05).
  if (uri === undefined || more.length > 0) {
    throw new SpiffeError(
      "ERR_X509_SVID_URI_SAN",
      `the leaf has ${leaf.uriSans.length} URI names and needs exactly one`,
    );
  }
  const id = parseId(uri);
  if (id.path === "") throw new SpiffeError("ERR_X509_SVID_NO_PATH", "the SPIFFE ID of the leaf has no path");
  const usage = leaf.keyUsage;
  if (leaf.isCa || usage?.has("keyCertSign") === true || usage?.has("cRLSign") === true) {
    throw new SpiffeError("ERR_X509_SVID_SIGNING_CERTIFICATE", "the leaf is a signing certificate");
  }
  if (usage?.has("digitalSignature") !== true) {
    throw new SpiffeError("ERR_X509_SVID_KEY_USAGE", "the leaf lacks the key usage digitalSignature");
  }
  return id;
}

function parseId(uri: string): SpiffeId {
  try {
    return SpiffeId.parse(uri);
  } catch (cause) {
    throw new SpiffeError("ERR_X509_SVID_ID", "the URI name of the leaf is not a SPIFFE ID", { cause });
  }
}
