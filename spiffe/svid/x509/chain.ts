import { Certificate, CertsError } from "../../../certs/index.ts";
import { SpiffeError } from "../../errors.ts";
import { spiffeLimits } from "../../limits.ts";

/** DER certificates: as a list, or one after the other as the Workload API carries them (WAPI-34, Q-25). */
export type ChainInput = Uint8Array | readonly (Uint8Array | Certificate)[];

/**
 * @returns one certificate at least, leaf first
 * @throws SpiffeError ERR_X509_SVID_ENCODING, ERR_X509_SVID_CHAIN_LENGTH
 */
export function readChain(input: ChainInput): readonly [Certificate, ...Certificate[]] {
  const { x509SvidChain, x509SvidBytes } = spiffeLimits;
  const items = input instanceof Uint8Array ? splitDer(input, x509SvidBytes.value) : input;
  if (items.length > x509SvidChain.value) {
    throw new SpiffeError("ERR_X509_SVID_CHAIN_LENGTH", `the chain has more than ${x509SvidChain.value} certificates`);
  }
  const [leaf, ...intermediates] = items.map(readCertificate);
  if (leaf === undefined) throw new SpiffeError("ERR_X509_SVID_CHAIN_LENGTH", "the chain has no certificate");
  return [leaf, ...intermediates];
}

/**
 * The certificates of a DER concatenation, such as an X.509 bundle of the Workload API; none for no bytes.
 * @throws SpiffeError ERR_X509_SVID_ENCODING
 */
export function parseCertificates(der: Uint8Array): readonly Certificate[] {
  return splitDer(der, spiffeLimits.bundleBytes.value).map(readCertificate);
}

function readCertificate(item: Uint8Array | Certificate): Certificate {
  if (item instanceof Certificate) return item;
  try {
    return Certificate.parse(item);
  } catch (cause) {
    if (!(cause instanceof CertsError)) throw cause;
    throw new SpiffeError("ERR_X509_SVID_ENCODING", "a certificate is malformed", { cause });
  }
}

/** Walks the outer SEQUENCE headers. `Certificate.parse` judges what is inside. */
function splitDer(der: Uint8Array, maxBytes: number): readonly Uint8Array[] {
  if (der.length > maxBytes) throw new SpiffeError("ERR_X509_SVID_ENCODING", `more than ${maxBytes} bytes`);
  const parts: Uint8Array[] = [];
  for (let start = 0; start < der.length; ) {
    const end = sequenceEnd(der, start);
    if (end === undefined || end > der.length) {
      throw new SpiffeError("ERR_X509_SVID_ENCODING", "the bytes are not DER certificates one after the other");
    }
    parts.push(der.subarray(start, end));
    start = end;
  }
  return parts;
}

function sequenceEnd(der: Uint8Array, start: number): number | undefined {
  const first = der[start + 1];
  if (der[start] !== 0x30 || first === undefined) return undefined;
  if (first < 0x80) return start + 2 + first;
  const lengthBytes = first & 0x7f;
  if (lengthBytes < 1 || lengthBytes > 3) return undefined;
  let length = 0;
  for (let index = 0; index < lengthBytes; index += 1) length = length * 256 + (der[start + 2 + index] ?? 0);
  return start + 2 + lengthBytes + length;
}
