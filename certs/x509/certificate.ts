import type { KeyObject } from "node:crypto";
import { equalBytes, toHex } from "../bytes.ts";
import { DerReader } from "../der/reader.ts";
import { contextConstructed, tag } from "../der/tags.ts";
import { CertsError } from "../errors.ts";
import { type SignatureAlgorithm, signatureAlgorithmOf, verifyByType } from "../keys/signature-algorithm.ts";
import { importSpki, splitSpki, type TypedKey } from "../keys/spki.ts";
import { certsLimits } from "../limits.ts";
import { oid } from "../oids.ts";
import {
  type Extension,
  parseAuthorityKeyId,
  parseBasicConstraints,
  parseExtendedKeyUsage,
  parseSubjectKeyId,
  readExtensions,
} from "./extensions.ts";
import { addresses, type GeneralName, parseGeneralNames, textNames } from "./general-names.ts";
import { type KeyUsage, parseKeyUsage } from "./key-usage.ts";
import { nameText, readName } from "./name.ts";
import { type NameConstraints, parseNameConstraints } from "./name-constraints.ts";

const processed: ReadonlySet<string> = new Set([
  oid.subjectKeyIdentifier,
  oid.keyUsage,
  oid.subjectAltName,
  oid.basicConstraints,
  oid.nameConstraints,
  oid.authorityKeyIdentifier,
  oid.extendedKeyUsage,
]);

/**
 * An X.509 v3 certificate, parsed once and strictly. It keeps its own copy of the bytes, and what is verified are the
 * very bytes that were parsed: byte arrays that it hands out are views into that copy and must not be written to.
 * A key or signature algorithm that is not accepted does not make it unparsable; it makes it unusable
 * (`publicKey()` throws, `isSignedBy` is false).
 */
export class Certificate {
  /** The whole certificate. */
  readonly der: Uint8Array;
  /** The part that is signed (TBSCertificate). */
  readonly tbsDer: Uint8Array;
  /** Decimal. */
  readonly serialNumber: string;
  /** Name of the issuer, DER. */
  readonly issuerDer: Uint8Array;
  /** Name of the subject, DER; two bytes when it is empty. */
  readonly subjectDer: Uint8Array;
  /** Milliseconds since 1970; valid from this instant … */
  readonly notBefore: number;
  /** … to this one, inclusive (RFC 5280 §4.1.2.5). */
  readonly notAfter: number;
  /** SubjectPublicKeyInfo. */
  readonly spkiDer: Uint8Array;
  /** `undefined`: an algorithm that is not accepted. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  /** The signature's bytes, without the BIT STRING around them. */
  readonly signature: Uint8Array;
  /** All alternative names, in their order. */
  readonly subjectAltNames: readonly GeneralName[];
  /** Those that are URIs: an X509-SVID has exactly one (X509-SVID §2). */
  readonly uriSans: readonly string[];
  /** Those that are DNS names. */
  readonly dnsSans: readonly string[];
  /** 4 or 16 bytes each. */
  readonly ipSans: readonly Uint8Array[];
  /** Basic constraints: may sign certificates. */
  readonly isCa: boolean;
  /** How many intermediates may follow; `undefined`: not limited, or no CA. */
  readonly pathLength: number | undefined;
  /** `undefined`: no such extension. */
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined;
  /** Object identifiers. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** `undefined`: no such extension. */
  readonly nameConstraints: NameConstraints | undefined;
  /** Lower-case hex. */
  readonly subjectKeyId: string | undefined;
  /** Lower-case hex. */
  readonly authorityKeyId: string | undefined;
  /** Identifiers of critical extensions that nothing here processes. */
  readonly unhandledCritical: readonly string[];
  readonly #extensions: ReadonlyMap<string, Extension>;
  #imported: TypedKey | undefined;

  private constructor(der: Uint8Array) {
    this.der = der;
    const outer = DerReader.over(der, { maxBytes: certsLimits.certificateBytes.value });
    const certificate = outer.enter();
    outer.finish();
    this.tbsDer = certificate.readWhole(tag.sequence).bytes;
    const algorithm = certificate.readWhole(tag.sequence).bytes;
    this.signature = certificate.readByteString();
    certificate.finish();

    const tbs = DerReader.over(this.tbsDer).enter();
    const version = tbs.enterOptional(contextConstructed(0));
    if (version?.readSmallInteger() !== 2) throw malformed("not an X.509 version 3 certificate");
    version.finish();
    this.serialNumber = readSerial(tbs);
    if (!equalBytes(tbs.readWhole(tag.sequence).bytes, algorithm)) {
      throw malformed("the two places that name the signature algorithm differ");
    }
    this.signatureAlgorithm = signatureAlgorithmOf(algorithm);
    this.issuerDer = readName(tbs);
    if (this.issuerDer.length === 2) throw malformed("the issuer name is empty (RFC 5280 §4.1.2.4)");
    const validity = tbs.enter();
    this.notBefore = validity.readTime();
    this.notAfter = validity.readTime();
    validity.finish();
    this.subjectDer = readName(tbs);
    this.spkiDer = tbs.readWhole(tag.sequence).bytes;
    splitSpki(this.spkiDer);
    const extensions = tbs.enter(contextConstructed(3));
    tbs.finish();
    this.#extensions = readExtensions(extensions);
    extensions.finish();

    this.subjectAltNames = this.#parsed(oid.subjectAltName, parseGeneralNames) ?? [];
    this.uriSans = textNames(this.subjectAltNames, "uri");
    this.dnsSans = textNames(this.subjectAltNames, "dns");
    this.ipSans = addresses(this.subjectAltNames);
    const constraints = this.#parsed(oid.basicConstraints, parseBasicConstraints);
    this.isCa = constraints?.isCa ?? false;
    this.pathLength = constraints?.pathLength;
    this.keyUsage = this.#parsed(oid.keyUsage, parseKeyUsage);
    this.extendedKeyUsage = this.#parsed(oid.extendedKeyUsage, parseExtendedKeyUsage);
    this.nameConstraints = this.#parsed(oid.nameConstraints, parseNameConstraints);
    this.subjectKeyId = this.#parsed(oid.subjectKeyIdentifier, parseSubjectKeyId);
    this.authorityKeyId = this.#parsed(oid.authorityKeyIdentifier, parseAuthorityKeyId);
    this.unhandledCritical = [...this.#extensions].flatMap(([id, { critical }]) =>
      critical && !processed.has(id) ? [id] : [],
    );
    if (this.isEmptySubject && this.extension(oid.subjectAltName)?.critical !== true) {
      throw malformed("the subject is empty and the alternative names are not critical (RFC 5280 §4.1.2.6)");
    }
  }

  /** Throws ERR_DER_… and ERR_CERT_MALFORMED. */
  static parse(der: Uint8Array): Certificate {
    if (der.length > certsLimits.certificateBytes.value) {
      throw new CertsError("ERR_DER_TOO_LARGE", `certificate of ${der.length} bytes`);
    }
    return new Certificate(new Uint8Array(der));
  }

  /** Imported at the first call. Throws ERR_KEY_UNSUPPORTED, ERR_KEY_INVALID, ERR_DER_…. */
  publicKey(): KeyObject {
    return this.#key().key;
  }

  /** The subject has no names; then the critical alternative names are the only ones (RFC 5280 §4.1.2.6). */
  get isEmptySubject(): boolean {
    return this.subjectDer.length === 2;
  }

  /** Same issuer and subject name (RFC 5280 §3.2); says nothing about the signature. */
  get isSelfIssued(): boolean {
    return equalBytes(this.issuerDer, this.subjectDer);
  }

  /** The extension of this object identifier, raw. */
  extension(id: string): Extension | undefined {
    return this.#extensions.get(id);
  }

  /** RFC 4514, for people. */
  subjectText(): string {
    return nameText(this.subjectDer);
  }

  /** RFC 4514, for people. */
  issuerText(): string {
    return nameText(this.issuerDer);
  }

  /**
   * Whether `issuer`'s key made this signature: nothing else of a chain is checked (see `verifyChain`). False for
   * algorithms that are not accepted. Throws ERR_KEY_… when the issuer's key is not accepted.
   */
  isSignedBy(issuer: Certificate): boolean {
    if (this.signatureAlgorithm === undefined) return false;
    return verifyByType(this.signatureAlgorithm, this.tbsDer, issuer.#key(), this.signature);
  }

  /** Whether the bytes are the same. */
  equals(other: Certificate): boolean {
    return equalBytes(this.der, other.der);
  }

  #key(): TypedKey {
    this.#imported ??= importSpki(this.spkiDer);
    return this.#imported;
  }

  #parsed<T>(id: string, parse: (value: Uint8Array) => T): T | undefined {
    const extension = this.#extensions.get(id);
    return extension === undefined ? undefined : parse(extension.value);
  }
}

/** Positive or zero (old private roots), at most 20 bytes (RFC 5280 §4.1.2.2). */
function readSerial(tbs: DerReader): string {
  const magnitude = tbs.readUnsignedInteger();
  if (magnitude.length > certsLimits.serialBytes.value) throw malformed("the serial number is longer than 20 bytes");
  return BigInt(`0x${toHex(magnitude)}`).toString();
}

function malformed(message: string): CertsError {
  return new CertsError("ERR_CERT_MALFORMED", message);
}
