import type { KeyObject } from "node:crypto";
import {
  assembleCertificate,
  Certificate,
  CertificateRequest,
  CertsError,
  type IssuerInfo,
  randomSerial,
  signBytes,
  spkiKeyType,
  svidTbs,
} from "../../certs/index.ts";

/** What is the same for all SVIDs until the authority changes. */
export interface SigningContext {
  readonly issuer: IssuerInfo;
  /** `undefined`: the key is elsewhere, stop at the bytes to be signed. */
  readonly key: KeyObject | undefined;
  /** Base64 SPKI of keys that are never certified. */
  readonly blockedKeys: ReadonlySet<string>;
}

export interface SvidItem {
  readonly csrDer: Uint8Array;
  readonly uri: string;
  readonly dnsNames: readonly string[];
  /** 16 random bytes. */
  readonly serial: Uint8Array;
  /** Take the request's subject, where that is not empty. */
  readonly keepsSubject?: boolean;
  /** Unix seconds. */
  readonly notBefore: number;
  /** Unix seconds. */
  readonly notAfter: number;
}

export type RefusalCode =
  | "ERR_CSR_MALFORMED"
  | "ERR_CSR_SIGNATURE"
  | "ERR_CSR_KEY_UNSUPPORTED"
  | "ERR_CSR_KEY_BLOCKED"
  | "ERR_SVID_NAMES"
  | "ERR_SVID_RECHECK";

export type SvidResult =
  | { readonly kind: "signed"; readonly der: Uint8Array; readonly serialNumber: string }
  | { readonly kind: "unsigned"; readonly tbs: Uint8Array; readonly spkiDer: Uint8Array }
  | { readonly kind: "refused"; readonly code: RefusalCode; readonly message: string };

/**
 * One SVID: possession → template → sign → re-check. Pure but for the signature, so that it runs the same in a worker
 * and inline. Never throws for anything a request can contain.
 */
export function runSvidJob(context: SigningContext, item: SvidItem): SvidResult {
  try {
    const { spkiDer, subjectDer } = provenRequest(context, item.csrDer);
    const tbs = template(context.issuer, item, spkiDer, item.keepsSubject === true ? subjectDer : emptyName);
    if (context.key === undefined) return { kind: "unsigned", tbs, spkiDer };
    return finishSvid(
      context.issuer,
      item,
      spkiDer,
      tbs,
      signBytes(context.issuer.signatureAlgorithm, tbs, context.key),
    );
  } catch (error) {
    if (error instanceof Refusal) return { kind: "refused", code: error.code, message: error.message };
    throw error;
  }
}

/**
 * Joins the signature and reads the result back as a stranger would: what leaves is what was asked for. `signedBy`: also
 * the signature is verified, for signers that are elsewhere and may answer with anything.
 */
export function finishSvid(
  issuer: IssuerInfo,
  item: SvidItem,
  spkiDer: Uint8Array,
  tbs: Uint8Array,
  signature: Uint8Array,
  signedBy?: Certificate,
): SvidResult {
  const der = assembleCertificate(tbs, issuer.signatureAlgorithm, signature);
  const svid = Certificate.parse(der);
  const isAsAsked =
    svid.uriSans.length === 1 &&
    svid.uriSans[0] === item.uri &&
    svid.subjectAltNames.length === 1 + item.dnsNames.length &&
    svid.dnsSans.every((name, index) => name === item.dnsNames[index]) &&
    svid.notBefore === item.notBefore * 1000 &&
    svid.notAfter === item.notAfter * 1000 &&
    !svid.isCa &&
    svid.signatureAlgorithm === issuer.signatureAlgorithm &&
    Buffer.compare(svid.spkiDer, spkiDer) === 0 &&
    Buffer.compare(svid.issuerDer, issuer.subjectDer) === 0 &&
    (signedBy === undefined || svid.isSignedBy(signedBy));
  if (!isAsAsked) {
    return { kind: "refused", code: "ERR_SVID_RECHECK", message: "the certificate made is not the one asked for" };
  }
  return { kind: "signed", der, serialNumber: svid.serialNumber };
}

/** DER of a Name without attributes. */
const emptyName = Uint8Array.of(0x30, 0x00);

/**
 * The only thing taken from a request is its key, once it is proven that the sender has the private half; and the
 * subject of one who may choose it.
 */
export function provenRequest(
  { blockedKeys }: Pick<SigningContext, "blockedKeys">,
  csrDer: Uint8Array,
): CertificateRequest {
  try {
    const request = CertificateRequest.parse(csrDer);
    // The key first, so that a key that is not certified is called that, whatever it signed with.
    spkiKeyType(request.spkiDer);
    if (!request.hasValidSignature()) {
      throw new Refusal("ERR_CSR_SIGNATURE", "the certificate request is not signed by its own key");
    }
    if (blockedKeys.has(Buffer.from(request.spkiDer).toString("base64"))) {
      throw new Refusal("ERR_CSR_KEY_BLOCKED", "this key is not certified");
    }
    return request;
  } catch (error) {
    if (!(error instanceof CertsError)) throw error;
    if (error.code === "ERR_KEY_UNSUPPORTED" || error.code === "ERR_KEY_INVALID") {
      throw new Refusal(
        "ERR_CSR_KEY_UNSUPPORTED",
        `the key in the certificate request is not accepted: ${error.message}`,
      );
    }
    throw new Refusal("ERR_CSR_MALFORMED", `the certificate request cannot be read: ${error.message}`);
  }
}

function template(issuer: IssuerInfo, item: SvidItem, spkiDer: Uint8Array, subjectDer: Uint8Array): Uint8Array {
  try {
    return svidTbs({
      issuer,
      serial: randomSerial(item.serial),
      notBeforeMs: item.notBefore * 1000,
      notAfterMs: item.notAfter * 1000,
      spkiDer,
      uri: item.uri,
      dnsSans: item.dnsNames,
      ...(subjectDer.length > emptyName.length ? { subjectDer } : {}),
    });
  } catch (error) {
    if (!(error instanceof CertsError)) throw error;
    throw new Refusal("ERR_SVID_NAMES", `these names cannot be put into a certificate: ${error.message}`);
  }
}

export class Refusal extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}
