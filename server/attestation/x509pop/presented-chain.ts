import { Certificate, CertsError, verifyChains } from "../../../certs/index.ts";
import { possessionFamily } from "../../../proto/domain/x509pop.ts";
import { serverErrors } from "../../errors.ts";

export interface PresentedChain {
  readonly leaf: Certificate;
  readonly intermediates: readonly Certificate[];
}

export interface ChainBounds {
  readonly maxIntermediates: number;
  readonly maxRsaBits: number;
}

/**
 * What a stranger sent, read as far as it can be without trusting it. Bounds first: nothing is parsed of a list that is
 * too long. @throws ERR_X509POP_CERTIFICATE
 */
export function readPresentedChain(list: readonly Uint8Array[], bounds: ChainBounds): PresentedChain {
  if (list.length - 1 > bounds.maxIntermediates) {
    throw unusable(`too many intermediate certificates: ${list.length - 1}, at most ${bounds.maxIntermediates}`);
  }
  const [leaf, ...intermediates] = list.map((der, index) => readOne(der, index, bounds.maxRsaBits));
  if (leaf === undefined) throw unusable("no certificate to attest");
  return { leaf, intermediates };
}

function readOne(der: Uint8Array, index: number, maxRsaBits: number): Certificate {
  const which = index === 0 ? "leaf certificate" : `intermediate certificate ${index - 1}`;
  try {
    const certificate = Certificate.parse(der);
    const key = certificate.publicKey();
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    if (bits > maxRsaBits) throw unusable(`${which} key size too large: ${bits} bits, at most ${maxRsaBits}`);
    if (index === 0 && possessionFamily(key) === undefined) {
      throw unusable(`the ${which} has a key of type ${key.asymmetricKeyType}; RSA and ECDSA can be challenged`);
    }
    return certificate;
  } catch (cause) {
    if (!(cause instanceof CertsError)) throw cause;
    throw unusable(`the ${which} cannot be used: ${cause.message}`, cause);
  }
}

function unusable(message: string, cause?: CertsError) {
  return serverErrors.error("ERR_X509POP_CERTIFICATE", message, { cause });
}

/**
 * Every path of the chain to an anchor. Any extended key usage is accepted, as SPIRE does; an authority's certificate is
 * not: who holds it could be any node. @throws ERR_X509POP_UNTRUSTED, ERR_X509POP_LEAF
 */
export function verifyPresentedChain(
  { leaf, intermediates }: PresentedChain,
  roots: readonly Certificate[],
  atMs: number,
): readonly (readonly Certificate[])[] {
  if (leaf.isCa || leaf.keyUsage?.has("keyCertSign") === true || leaf.keyUsage?.has("cRLSign") === true) {
    throw serverErrors.error("ERR_X509POP_LEAF", "the leaf certificate is a certificate authority's");
  }
  if (leaf.keyUsage?.has("digitalSignature") !== true) {
    throw serverErrors.error("ERR_X509POP_LEAF", "certificate not intended for digital signature use");
  }
  try {
    return verifyChains({ leaf, intermediates, roots, atMs, usage: "any" });
  } catch (cause) {
    if (!(cause instanceof CertsError)) throw cause;
    throw serverErrors.error("ERR_X509POP_UNTRUSTED", `certificate verification failed: ${cause.message}`, { cause });
  }
}
