import { CertsError } from "../errors.ts";
import { oid } from "../oids.ts";
import type { Certificate } from "../x509/certificate.ts";

/** What the peer that presented the leaf does in this connection; "any": no purpose is checked. */
export type ChainUsage = "client" | "server" | "any";

/** RFC 5280 §6.1.3 (a)(2): both ends of the validity belong to it. */
export function checkValidity(certificate: Certificate, atMs: number): void {
  if (atMs > certificate.notAfter) {
    const end = new Date(certificate.notAfter).toISOString();
    throw new CertsError("ERR_CHAIN_EXPIRED", `${describe(certificate)} expired at ${end}`);
  }
  if (atMs < certificate.notBefore) {
    const start = new Date(certificate.notBefore).toISOString();
    throw new CertsError("ERR_CHAIN_NOT_YET_VALID", `${describe(certificate)} is not valid before ${start}`);
  }
}

/** RFC 5280 §6.1.4 (o), §6.1.5 (f). */
export function checkCriticalExtensions(certificate: Certificate): void {
  const [first] = certificate.unhandledCritical;
  if (first !== undefined) {
    throw new CertsError(
      "ERR_CHAIN_CRITICAL_EXTENSION",
      `${describe(certificate)} has the critical extension ${first}`,
    );
  }
}

/** Also for authorities: a restriction there holds for everything below, as in Go and OpenSSL. */
export function checkExtendedKeyUsage(certificate: Certificate, usage: ChainUsage): void {
  if (usage === "any" || certificate.extendedKeyUsage === undefined) return;
  const wanted: string = usage === "client" ? oid.clientAuth : oid.serverAuth;
  if (!certificate.extendedKeyUsage.some((id) => id === wanted || id === oid.anyExtendedKeyUsage)) {
    throw new CertsError("ERR_CHAIN_EXTENDED_KEY_USAGE", `${describe(certificate)} may not be used by a ${usage}`);
  }
}

/** A leaf that authenticates a peer is no authority in any respect and may sign (X509-SVID §4.1, §4.3, §5.2). */
export function checkLeafRole(leaf: Certificate, usage: ChainUsage): void {
  if (usage === "any") return;
  if (leaf.isCa || leaf.keyUsage?.has("keyCertSign") === true || leaf.keyUsage?.has("cRLSign") === true) {
    throw new CertsError("ERR_CHAIN_LEAF_IS_CA", `${describe(leaf)} is a signing certificate`);
  }
  if (leaf.keyUsage?.has("digitalSignature") !== true) {
    throw new CertsError("ERR_CHAIN_KEY_USAGE", `${describe(leaf)} lacks the key usage digitalSignature`);
  }
}

/**
 * RFC 5280 §6.1.4 (k)(n). A trust anchor may lack the key usage extension, as roots made by plain `openssl req` do: it
 * is trusted because the operator said so. An intermediate may not (X509-SVID §4.3).
 */
export function checkAuthorityRole(authority: Certificate, isRoot: boolean): void {
  if (!authority.isCa) {
    throw new CertsError("ERR_CHAIN_ISSUER_NOT_CA", `${describe(authority)} is not a certificate authority`);
  }
  if (authority.keyUsage === undefined && isRoot) return;
  if (authority.keyUsage?.has("keyCertSign") !== true) {
    throw new CertsError("ERR_CHAIN_KEY_USAGE", `${describe(authority)} lacks the key usage keyCertSign`);
  }
}

/** Subjects are the sender's words: escaped by `subjectText` and cut short here. */
export function describe(certificate: Certificate): string {
  const text = certificate.subjectText();
  const subject = text === "" ? `serial number ${certificate.serialNumber}` : text;
  return `the certificate "${subject.length > 120 ? `${subject.slice(0, 120)}…` : subject}"`;
}
