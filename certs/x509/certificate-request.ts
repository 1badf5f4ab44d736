import type { KeyObject } from "node:crypto";
import { DerReader } from "../der/reader.ts";
import { contextConstructed, tag } from "../der/tags.ts";
import { CertsError } from "../errors.ts";
import { type SignatureAlgorithm, signatureAlgorithmOf, verifyBySpki } from "../keys/signature-algorithm.ts";
import { decodeSpki, splitSpki } from "../keys/spki.ts";
import { certsLimits } from "../limits.ts";
import { oid } from "../oids.ts";
import { type Extension, readExtensions } from "./extensions.ts";
import { parseGeneralNames, textNames } from "./general-names.ts";
import { nameText, readName } from "./name.ts";

/**
 * A PKCS#10 request (RFC 2986), parsed once and strictly; keeps its own copy of the bytes, which must not be written to.
 * Nothing in it is to be believed before `hasValidSignature()`, and then only that the sender has the key.
 */
export class CertificateRequest {
  readonly der: Uint8Array;
  readonly subjectDer: Uint8Array;
  readonly spkiDer: Uint8Array;
  /** `undefined`: an algorithm that is not accepted. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  readonly uriSans: readonly string[];
  readonly dnsSans: readonly string[];
  /** From the extensionRequest attribute. */
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly #infoDer: Uint8Array;
  readonly #signature: Uint8Array;
  #publicKey: KeyObject | undefined;

  private constructor(der: Uint8Array) {
    this.der = der;
    const outer = DerReader.over(der);
    const request = outer.enter();
    outer.finish();
    this.#infoDer = request.readWhole(tag.sequence).bytes;
    this.signatureAlgorithm = signatureAlgorithmOf(request.readWhole(tag.sequence).bytes);
    this.#signature = request.readByteString();
    request.finish();

    const info = DerReader.over(this.#infoDer).enter();
    if (info.readSmallInteger() !== 0) throw malformed("not a version 1 certificate request");
    this.subjectDer = readName(info);
    this.spkiDer = info.readWhole(tag.sequence).bytes;
    splitSpki(this.spkiDer);
    this.extensions = readAttributes(info);
    info.finish();

    const names = this.extensions.get(oid.subjectAltName);
    const sans = names === undefined ? [] : parseGeneralNames(names.value);
    this.uriSans = textNames(sans, "uri");
    this.dnsSans = textNames(sans, "dns");
  }

  /** Throws ERR_DER_… and ERR_CSR_MALFORMED. */
  static parse(der: Uint8Array): CertificateRequest {
    if (der.length > certsLimits.csrBytes.value) {
      throw new CertsError("ERR_DER_TOO_LARGE", `certificate request of ${der.length} bytes`);
    }
    return new CertificateRequest(new Uint8Array(der));
  }

  /** Imported at the first call. Throws ERR_KEY_UNSUPPORTED, ERR_KEY_INVALID, ERR_DER_…. */
  publicKey(): KeyObject {
    this.#publicKey ??= decodeSpki(this.spkiDer);
    return this.#publicKey;
  }

  /** Proof of possession. False for signature algorithms that are not accepted; throws as `publicKey()` does. */
  hasValidSignature(): boolean {
    if (this.signatureAlgorithm === undefined) return false;
    return verifyBySpki(this.signatureAlgorithm, this.#infoDer, this.spkiDer, this.#signature);
  }

  /** RFC 4514, for people. */
  subjectText(): string {
    return nameText(this.subjectDer);
  }
}

/** Other attributes than extensionRequest (challenge passwords and the like) are read past. */
function readAttributes(info: DerReader): ReadonlyMap<string, Extension> {
  let extensions: ReadonlyMap<string, Extension> | undefined;
  const types = new Set<string>();
  for (const { bytes } of info.readSetOf(contextConstructed(0), certsLimits.extensions.value)) {
    const attribute = DerReader.over(bytes).enter();
    const type = attribute.readOid();
    const values = attribute.readSetOf();
    attribute.finish();
    if (types.has(type)) throw malformed(`attribute ${type} occurs twice`);
    types.add(type);
    if (type !== oid.extensionRequest) continue;
    const [only] = values;
    if (only === undefined || values.length !== 1) throw malformed("extensionRequest must have exactly one value");
    extensions = readExtensions(DerReader.over(only.bytes));
  }
  return extensions ?? new Map();
}

function malformed(message: string): CertsError {
  return new CertsError("ERR_CSR_MALFORMED", message);
}
