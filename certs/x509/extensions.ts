import { toHex } from "../bytes.ts";
import { DerReader } from "../der/reader.ts";
import { contextConstructed, contextPrimitive } from "../der/tags.ts";
import { CertsError } from "../errors.ts";
import { certsLimits } from "../limits.ts";

/** An extension of a certificate (RFC 5280 §4.2). */
export interface Extension {
  /** Whoever does not know it must refuse the certificate. */
  readonly critical: boolean;
  /** Content of the extnValue OCTET STRING. */
  readonly value: Uint8Array;
}

/** Reads `Extensions`. An identifier may occur once (RFC 5280 §4.2). Throws ERR_DER_…. */
export function readExtensions(reader: DerReader): ReadonlyMap<string, Extension> {
  const list = reader.enter();
  const extensions = new Map<string, Extension>();
  while (!list.isAtEnd) {
    if (extensions.size >= certsLimits.extensions.value) {
      throw new CertsError("ERR_DER_TOO_LARGE", `more than ${certsLimits.extensions.value} extensions`);
    }
    const entry = list.enter();
    const id = entry.readOid();
    const critical = entry.readDefaultFalse();
    const value = entry.readOctetString();
    entry.finish();
    if (extensions.has(id)) throw new CertsError("ERR_DER_UNEXPECTED", `extension ${id} occurs twice`);
    extensions.set(id, { critical, value });
  }
  if (extensions.size === 0) throw new CertsError("ERR_DER_UNEXPECTED", "list of extensions is empty");
  return extensions;
}

export interface BasicConstraints {
  readonly isCa: boolean;
  readonly pathLength: number | undefined;
}

export function parseBasicConstraints(extensionValue: Uint8Array): BasicConstraints {
  const outer = DerReader.over(extensionValue);
  const sequence = outer.enter();
  outer.finish();
  const isCa = sequence.readDefaultFalse();
  const pathLength = sequence.isAtEnd ? undefined : sequence.readSmallInteger();
  sequence.finish();
  if (pathLength !== undefined && !isCa) {
    throw new CertsError("ERR_DER_UNEXPECTED", "path length on a certificate that is not an authority");
  }
  return { isCa, pathLength };
}

/** Object identifiers, at least one. */
export function parseExtendedKeyUsage(extensionValue: Uint8Array): readonly string[] {
  const outer = DerReader.over(extensionValue);
  const sequence = outer.enter();
  outer.finish();
  const purposes: string[] = [];
  while (!sequence.isAtEnd) {
    if (purposes.length >= certsLimits.keyPurposes.value) {
      throw new CertsError("ERR_DER_TOO_LARGE", `more than ${certsLimits.keyPurposes.value} key purposes`);
    }
    purposes.push(sequence.readOid());
  }
  if (purposes.length === 0) throw new CertsError("ERR_DER_UNEXPECTED", "extended key usage is empty");
  return purposes;
}

/** Lower-case hex. */
export function parseSubjectKeyId(extensionValue: Uint8Array): string {
  const outer = DerReader.over(extensionValue);
  const id = outer.readOctetString();
  outer.finish();
  return checkedKeyId(id);
}

/** Lower-case hex; `undefined` when the extension names the issuer in another way only. */
export function parseAuthorityKeyId(extensionValue: Uint8Array): string | undefined {
  const outer = DerReader.over(extensionValue);
  const sequence = outer.enter();
  outer.finish();
  const keyId =
    sequence.peekTag() === contextPrimitive(0) ? checkedKeyId(sequence.read(contextPrimitive(0))) : undefined;
  if (sequence.peekTag() === contextConstructed(1)) {
    // authorityCertIssuer and authorityCertSerialNumber come together; the key id and the name say all we need.
    sequence.read(contextConstructed(1));
    sequence.read(contextPrimitive(2));
  }
  sequence.finish();
  return keyId;
}

function checkedKeyId(id: Uint8Array): string {
  if (id.length === 0 || id.length > 64)
    throw new CertsError("ERR_DER_UNEXPECTED", `key identifier of ${id.length} bytes`);
  return toHex(id);
}
