import { fromHex } from "../bytes.ts";
import { tlv } from "../der/encode.ts";
import { encodeOid } from "../der/oid.ts";
import type { DerSplice } from "../der/splice.ts";
import { contextPrimitive, tag } from "../der/tags.ts";
import { CertsError } from "../errors.ts";
import type { KeyType } from "../keys/key-type.ts";
import { certsLimits } from "../limits.ts";
import { oid } from "../oids.ts";
import { generalNameTag } from "../x509/general-names.ts";

const criticalTrue = fromHex("0101ff");
const nothing = new Uint8Array(0);

function encodeExtension(idElement: Uint8Array, critical: boolean, value: Uint8Array): Uint8Array {
  return tlv(tag.sequence, idElement, critical ? criticalTrue : nothing, tlv(tag.octetString, value));
}

function idElement(id: string): Uint8Array {
  return tlv(tag.oid, encodeOid(id));
}

/** `bits` is the BIT STRING content: unused bits, then the byte. */
function keyUsageExtension(unusedBits: number, bits: number): Uint8Array {
  return encodeExtension(idElement(oid.keyUsage), true, tlv(tag.bitString, Uint8Array.of(unusedBits, bits)));
}

/** An EC key cannot encipher, an RSA key cannot agree, an Ed25519 key can only sign (RFC 8410 §5, RFC 5480 §3). */
const ecKeyUsage = keyUsageExtension(3, 0x88);
const rsaKeyUsage = keyUsageExtension(5, 0xa0);
const signOnlyKeyUsage = keyUsageExtension(7, 0x80);

export function leafKeyUsage(type: KeyType): Uint8Array {
  switch (type) {
    case "ec-p256":
    case "ec-p384":
      return ecKeyUsage;
    case "rsa-2048":
    case "rsa-3072":
    case "rsa-4096":
      return rsaKeyUsage;
    case "ed25519":
      return signOnlyKeyUsage;
  }
}

/** keyCertSign and cRLSign, nothing else (X509-SVID appendix A). */
export const caKeyUsage = keyUsageExtension(1, 0x06);

/** X509-SVID §4.4: both purposes or none. */
export const leafExtendedKeyUsage = encodeExtension(
  idElement(oid.extendedKeyUsage),
  false,
  tlv(tag.sequence, idElement(oid.serverAuth), idElement(oid.clientAuth)),
);

export const leafBasicConstraints = encodeExtension(idElement(oid.basicConstraints), true, fromHex("3000"));

export function caBasicConstraints(pathLength: number | undefined): Uint8Array {
  if (pathLength !== undefined && (!Number.isInteger(pathLength) || pathLength < 0 || pathLength > 127)) {
    throw new CertsError("ERR_TEMPLATE_INVALID", "the path length is not a whole number from 0 to 127");
  }
  const limit = pathLength === undefined ? nothing : tlv(tag.integer, Uint8Array.of(pathLength));
  return encodeExtension(idElement(oid.basicConstraints), true, tlv(tag.sequence, criticalTrue, limit));
}

const skiElement = idElement(oid.subjectKeyIdentifier);
const akiElement = idElement(oid.authorityKeyIdentifier);
const sanElement = idElement(oid.subjectAltName);

export function writeSubjectKeyId(out: DerSplice, keyId: Uint8Array): void {
  const end = out.mark;
  out.bytes(keyId);
  out.header(tag.octetString, end);
  out.header(tag.octetString, end);
  out.bytes(skiElement);
  out.sequence(end);
}

export function writeAuthorityKeyId(out: DerSplice, keyId: Uint8Array): void {
  const end = out.mark;
  out.bytes(keyId);
  out.header(contextPrimitive(0), end);
  out.sequence(end);
  out.header(tag.octetString, end);
  out.bytes(akiElement);
  out.sequence(end);
}

export interface AlternativeNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
}

/** At most what `writeSubjectAltName` writes. */
export function altNameCapacity({ uris, dnsNames }: AlternativeNames): number {
  let capacity = 64;
  for (const name of uris) capacity += name.length + 4;
  for (const name of dnsNames) capacity += name.length + 4;
  return capacity;
}

/** The whole extension, or nothing when there is no name. Throws ERR_TEMPLATE_INVALID. */
export function writeSubjectAltName(out: DerSplice, names: AlternativeNames, isCritical: boolean): void {
  const count = names.uris.length + names.dnsNames.length;
  if (count === 0) return;
  if (count > certsLimits.generalNames.value) {
    throw new CertsError("ERR_TEMPLATE_INVALID", `more than ${certsLimits.generalNames.value} alternative names`);
  }
  const end = out.mark;
  for (let i = names.dnsNames.length - 1; i >= 0; i--) {
    writeName(out, generalNameTag.dns, checkedDnsName(names.dnsNames[i] ?? ""));
  }
  for (let i = names.uris.length - 1; i >= 0; i--) writeName(out, generalNameTag.uri, checkedUri(names.uris[i] ?? ""));
  out.sequence(end);
  out.header(tag.octetString, end);
  if (isCritical) out.bytes(criticalTrue);
  out.bytes(sanElement);
  out.sequence(end);
}

function writeName(out: DerSplice, kind: number, text: string): void {
  const end = out.mark;
  out.ascii(text);
  out.header(kind, end);
}

function checkedUri(uri: string): string {
  if (uri.length > certsLimits.uriBytes.value || !/^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/.test(uri)) {
    throw new CertsError("ERR_TEMPLATE_INVALID", "the URI is not one, too long, or has characters that do not belong");
  }
  return uri;
}

const dnsLabel = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
const dnsName = new RegExp(`^(?:\\*\\.)?${dnsLabel}(?:\\.${dnsLabel})*$`);

/** A last check on syntax, so that no other name can hide in this one; which names are allowed is decided elsewhere. */
function checkedDnsName(name: string): string {
  if (name.length > certsLimits.dnsNameBytes.value || !dnsName.test(name)) {
    throw new CertsError(
      "ERR_TEMPLATE_INVALID",
      "a DNS name is not one (labels of letters, digits, hyphens; at most 253 bytes)",
    );
  }
  return name;
}
