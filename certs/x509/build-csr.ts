import type { KeyObject } from "node:crypto";
import { fromHex } from "../bytes.ts";
import { bitString, tlv } from "../der/encode.ts";
import { encodeOid } from "../der/oid.ts";
import { DerSplice } from "../der/splice.ts";
import { contextConstructed, tag } from "../der/tags.ts";
import { publicKeyType } from "../keys/key-type.ts";
import {
  algorithmIdentifier,
  type SignatureAlgorithm,
  signatureAlgorithmFor,
  signBytes,
} from "../keys/signature-algorithm.ts";
import { encodeSpki } from "../keys/spki.ts";
import { oid } from "../oids.ts";
import { altNameCapacity, writeSubjectAltName } from "../template/extensions.ts";
import { svidSubject } from "../template/svid.ts";
import { type DistinguishedName, nameDer } from "./name.ts";

export interface CsrParts {
  /** Private key; it signs the request. */
  readonly key: KeyObject;
  /** Default: the subject of SVIDs, which SPIRE's agent also sends. */
  readonly subject?: DistinguishedName;
  readonly uriSans?: readonly string[];
  readonly dnsSans?: readonly string[];
}

const version1 = fromHex("020100");
const requestType = tlv(tag.oid, encodeOid(oid.extensionRequest));

/** What a PKCS#10 request says, to be signed. Throws ERR_KEY_UNSUPPORTED, ERR_TEMPLATE_INVALID. */
export function csrInfo(parts: Omit<CsrParts, "key"> & { readonly spkiDer: Uint8Array }): Uint8Array {
  const names = { uris: parts.uriSans ?? [], dnsNames: parts.dnsSans ?? [] };
  const altNames = new DerSplice(altNameCapacity(names));
  writeSubjectAltName(altNames, names, false);
  const extension = altNames.toBytes();
  const attributes =
    extension.length === 0 ? [] : [tlv(tag.sequence, requestType, tlv(tag.set, tlv(tag.sequence, extension)))];
  return tlv(
    tag.sequence,
    version1,
    nameDer(parts.subject ?? svidSubject),
    parts.spkiDer,
    tlv(contextConstructed(0), ...attributes),
  );
}

/** Joins what was said and its signature (X.509 encoding). */
export function assembleCsr(info: Uint8Array, algorithm: SignatureAlgorithm, signature: Uint8Array): Uint8Array {
  return tlv(tag.sequence, info, algorithmIdentifier(algorithm), bitString(signature));
}

/** A signed PKCS#10 request. Throws ERR_KEY_UNSUPPORTED, ERR_TEMPLATE_INVALID. */
export function buildCsr({ key, ...parts }: CsrParts): Uint8Array {
  const info = csrInfo({ ...parts, spkiDer: encodeSpki(key) });
  const algorithm = signatureAlgorithmFor(publicKeyType(key));
  return assembleCsr(info, algorithm, signBytes(algorithm, info, key));
}
