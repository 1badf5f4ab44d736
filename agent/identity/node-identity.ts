import { createPublicKey, type KeyObject } from "node:crypto";
import { Certificate, encodeSpki } from "../../certs/index.ts";
import { SpiffeId, type TrustDomain } from "../../spiffe/index.ts";
import { renewAtMs, renewalOffset } from "../domain/renewal.ts";
import { agentErrors } from "../errors.ts";

/** The agent's own key and SVID. Immutable. */
export interface NodeIdentity {
  readonly id: SpiffeId;
  readonly key: KeyObject;
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly notAfterMs: number;
  readonly renewAtMs: number;
  /** Authority key ids along the chain, hex. */
  readonly authorityIds: readonly string[];
  /** The server lets this node attest again by the same proof; it then does so instead of renewing. */
  readonly canReattest: boolean;
}

/**
 * Puts key and chain together, checked: the leaf is for this key, and names one SPIFFE ID of the trust domain.
 *
 * @throws ServiceError `ERR_ATTESTATION_INCONSISTENT`
 */
export function nodeIdentity(
  trustDomain: TrustDomain,
  key: KeyObject,
  chain: readonly Uint8Array[],
  canReattest: boolean,
  receivedAtMs?: number,
): NodeIdentity {
  const certificates = chain.map(parseOrRefuse);
  const leaf = certificates[0];
  if (leaf === undefined) throw inconsistent("it has no certificate");
  if (!Buffer.from(leaf.spkiDer).equals(encodeSpki(createPublicKey(key)))) throw inconsistent("it is for another key");
  const uri = leaf.uriSans[0];
  if (uri === undefined || leaf.uriSans.length !== 1) throw inconsistent("it does not have exactly one SPIFFE ID");
  const id = parseIdOrRefuse(uri);
  if (!id.isMemberOf(trustDomain)) throw inconsistent(`it is for ${uri}, of another trust domain`);
  const life = {
    notBeforeMs: leaf.notBefore,
    notAfterMs: leaf.notAfter,
    ...(receivedAtMs === undefined ? {} : { receivedAtMs }),
  };
  return {
    id,
    key,
    chain,
    notAfterMs: leaf.notAfter,
    renewAtMs: renewAtMs(life, renewalOffset(uri, leaf.serialNumber)),
    authorityIds: certificates.flatMap(({ authorityKeyId }) => (authorityKeyId === undefined ? [] : [authorityKeyId])),
    canReattest,
  };
}

function parseOrRefuse(der: Uint8Array): Certificate {
  try {
    return Certificate.parse(der);
  } catch (cause) {
    throw inconsistent("a certificate does not parse", cause);
  }
}

function parseIdOrRefuse(uri: string): SpiffeId {
  try {
    return SpiffeId.parse(uri);
  } catch (cause) {
    throw inconsistent("its URI is not a SPIFFE ID", cause);
  }
}

function inconsistent(why: string, cause?: unknown): Error {
  return agentErrors.error("ERR_ATTESTATION_INCONSISTENT", `the agent's SVID does not fit: ${why}`, { cause });
}
