import { Certificate } from "../../certs/index.ts";
import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { IssuedX509Svid } from "../../proto/domain/link.ts";
import type { SpiffeId } from "../../spiffe/index.ts";
import { type IdentityKey, identityKeyOf, x509Fingerprint } from "../domain/identity-key.ts";
import { renewAtMs, renewalOffset } from "../domain/renewal.ts";
import { agentErrors } from "../errors.ts";
import type { WorkloadKey } from "./workload-keys.ts";

/** An X509-SVID of a workload with its key, as the cache holds it. Immutable; shared by all views. */
export interface HeldSvid {
  readonly key: IdentityKey;
  readonly id: SpiffeId;
  /** `x509Fingerprint` of the entry that it was made for. */
  readonly fingerprint: string;
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  /** The same, concatenated. */
  readonly chainDer: Uint8Array;
  /** PKCS#8 DER. */
  readonly keyDer: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly renewAtMs: number;
  /** Hex key ids of the authorities above the leaf, nearest first: authority key id of each certificate. */
  readonly authorityIds: readonly string[];
}

/**
 * What the server signed, checked against what was asked for: our key, the entry's SPIFFE ID, a time that is now.
 *
 * @throws ServiceError `ERR_SVID_UNUSABLE`
 */
export function acceptSvid(
  entry: RegistrationEntry,
  key: WorkloadKey,
  issued: IssuedX509Svid,
  nowMs: number,
): HeldSvid {
  const held = describeSvid(entry, key.keyDer, issued.chain, nowMs);
  const leaf = held.leaf;
  if (!Buffer.from(leaf.spkiDer).equals(key.spkiDer)) throw unusable("it is for another key");
  if (leaf.uriSans.length !== 1 || leaf.uriSans[0] !== entry.spiffeId.toString()) {
    throw unusable(`it is for ${leaf.uriSans.join(", ")} instead of ${entry.spiffeId.toString()}`);
  }
  if (held.svid.notAfterMs <= nowMs) throw unusable("it has expired by this agent's clock");
  return held.svid;
}

/** An SVID of our own store, whose checks were made when it was accepted. The key must still fit the leaf. */
export function restoreSvid(
  entry: RegistrationEntry,
  keyDer: Uint8Array,
  spkiDer: Uint8Array,
  chain: readonly Uint8Array[],
): HeldSvid {
  const { leaf, svid } = describeSvid(entry, keyDer, chain);
  if (!Buffer.from(leaf.spkiDer).equals(spkiDer)) throw unusable("its key is another's");
  if (leaf.uriSans[0] !== entry.spiffeId.toString()) throw unusable("it is for another SPIFFE ID");
  return svid;
}

function describeSvid(
  entry: RegistrationEntry,
  keyDer: Uint8Array,
  chain: readonly Uint8Array[],
  receivedAtMs?: number,
): { readonly leaf: Certificate; readonly svid: HeldSvid } {
  const certificates = chain.map((der) => parseOrRefuse(der));
  const leaf = certificates[0];
  if (leaf === undefined) throw unusable("it has no certificate");
  const life = { notBeforeMs: leaf.notBefore, notAfterMs: leaf.notAfter };
  const svid: HeldSvid = {
    key: identityKeyOf(entry),
    id: entry.spiffeId,
    fingerprint: x509Fingerprint(entry),
    chain,
    chainDer: Buffer.concat(chain),
    keyDer,
    ...life,
    renewAtMs: renewAtMs(
      { ...life, ...(receivedAtMs === undefined ? {} : { receivedAtMs }) },
      renewalOffset(entry.id, leaf.serialNumber),
    ),
    authorityIds: certificates.flatMap(({ authorityKeyId }) => (authorityKeyId === undefined ? [] : [authorityKeyId])),
  };
  return { leaf, svid };
}

function parseOrRefuse(der: Uint8Array): Certificate {
  try {
    return Certificate.parse(der);
  } catch (cause) {
    throw agentErrors.error("ERR_SVID_UNUSABLE", "the server signed something that does not parse", { cause });
  }
}

function unusable(why: string): Error {
  return agentErrors.error("ERR_SVID_UNUSABLE", `the SVID does not fit what was asked for: ${why}`);
}
