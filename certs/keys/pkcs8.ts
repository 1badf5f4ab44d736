import { createECDH, createPrivateKey, type KeyObject } from "node:crypto";
import {
  asBuffer,
  concatBytes,
  equalBytes,
  fromBase64url,
  fromHex,
  startsWithBytes,
  toBase64url,
  toHex,
} from "../bytes.ts";
import { DerReader } from "../der/reader.ts";
import { contextConstructed, tag } from "../der/tags.ts";
import { CertsError } from "../errors.ts";
import { certsLimits } from "../limits.ts";
import { type EcKeyType, publicKeyType } from "./key-type.ts";
import { checkedRsaType, ecCurves, ecJwk, rawPublicKey } from "./spki.ts";

/** PKCS#8 of an EC key is these bytes, the scalar, `middle`, x and y; the same that OpenSSL writes. */
const ecLayouts = {
  "ec-p256": {
    prefix: fromHex("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420"),
    middle: fromHex("a14403420004"),
  },
  "ec-p384": {
    prefix: fromHex("3081b6020100301006072a8648ce3d020106052b8104002204819e30819b0201010430"),
    middle: fromHex("a16403620004"),
  },
} as const;
const ed25519Prefix = fromHex("302e020100300506032b657004220420");

const algorithms = {
  "ec-p256": fromHex("301306072a8648ce3d020106082a8648ce3d030107"),
  "ec-p384": fromHex("301006072a8648ce3d020106052b81040022"),
  rsa: fromHex("300d06092a864886f70d0101010500"),
} as const;

/** Unencrypted DER PKCS#8 (RFC 5958 version 0) of a private key. Throws ERR_KEY_UNSUPPORTED. */
export function encodePkcs8(key: KeyObject): Uint8Array {
  if (key.type !== "private") throw new CertsError("ERR_KEY_UNSUPPORTED", "not a private key");
  const type = publicKeyType(key);
  if (type === "ec-p256" || type === "ec-p384") {
    const jwk = key.export({ format: "jwk" });
    const { prefix, middle } = ecLayouts[type];
    return concatBytes([prefix, fromBase64url(jwk.d ?? ""), middle, ...rawPublicKey(jwk)]);
  }
  return new Uint8Array(key.export({ format: "der", type: "pkcs8" }));
}

/**
 * Imports an unencrypted DER PKCS#8 key and checks that its private and public halves belong together.
 * Throws ERR_KEY_UNSUPPORTED, ERR_KEY_INVALID, ERR_DER_….
 */
export function decodePkcs8(pkcs8Der: Uint8Array): KeyObject {
  const outer = DerReader.over(pkcs8Der, { maxBytes: certsLimits.keyBytes.value });
  const info = outer.enter();
  outer.finish();
  const version = info.readSmallInteger();
  const algorithm = info.readWhole(tag.sequence).bytes;
  const privateKey = info.readOctetString();
  if (version !== 0 || !info.isAtEnd) {
    throw new CertsError("ERR_KEY_UNSUPPORTED", "PKCS#8 with attributes or of another version");
  }
  if (startsWithBytes(pkcs8Der, ed25519Prefix) && pkcs8Der.length === 48) return importDer(pkcs8Der);
  if (equalBytes(algorithm, algorithms["ec-p256"])) return importEc("ec-p256", privateKey);
  if (equalBytes(algorithm, algorithms["ec-p384"])) return importEc("ec-p384", privateKey);
  if (equalBytes(algorithm, algorithms.rsa)) {
    checkRsa(privateKey);
    return importDer(pkcs8Der);
  }
  throw new CertsError("ERR_KEY_UNSUPPORTED", "private key of an algorithm or form that is not accepted");
}

function importDer(pkcs8Der: Uint8Array): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(pkcs8Der), format: "der", type: "pkcs8" });
  } catch (cause) {
    throw new CertsError("ERR_KEY_INVALID", "the private key is not a valid one of its type", { cause });
  }
}

/** RFC 5915. The public half is computed from the scalar and compared: OpenSSL would believe whatever is written. */
function importEc(type: EcKeyType, ecPrivateKey: Uint8Array): KeyObject {
  const outer = DerReader.over(ecPrivateKey);
  const key = outer.enter();
  outer.finish();
  if (key.readSmallInteger() !== 1) throw new CertsError("ERR_KEY_UNSUPPORTED", "EC private key of another version");
  const scalar = key.readOctetString();
  const parameters = key.enterOptional(contextConstructed(0));
  if (parameters !== undefined) {
    const written = parameters.readElement().bytes;
    parameters.finish();
    // The curve is the tail of the algorithm identifier: it must not be said differently twice.
    if (toHex(algorithms[type]).slice(-written.length * 2) !== toHex(written)) {
      throw new CertsError("ERR_KEY_INVALID", "the EC private key names two curves");
    }
  }
  const publicPart = key.enterOptional(contextConstructed(1));
  const written = publicPart?.readByteString();
  publicPart?.finish();
  key.finish();

  const { ecdh, coordinateBytes } = ecCurves[type];
  if (scalar.length !== coordinateBytes) throw new CertsError("ERR_KEY_INVALID", "the scalar has the wrong length");
  try {
    const pair = createECDH(ecdh);
    pair.setPrivateKey(asBuffer(scalar));
    const point = new Uint8Array(pair.getPublicKey());
    if (written === undefined || equalBytes(point, written)) {
      return createPrivateKey({ key: { ...ecJwk(type, point.subarray(1)), d: toBase64url(scalar) }, format: "jwk" });
    }
  } catch (cause) {
    throw new CertsError("ERR_KEY_INVALID", "the scalar is out of range", { cause });
  }
  throw new CertsError("ERR_KEY_INVALID", "public and private half of the key do not belong together");
}

/** RFC 8017 A.1.2, two primes. */
function checkRsa(rsaPrivateKey: Uint8Array): void {
  const outer = DerReader.over(rsaPrivateKey);
  const key = outer.enter();
  outer.finish();
  if (key.readSmallInteger() !== 0) throw new CertsError("ERR_KEY_UNSUPPORTED", "RSA key with more than two primes");
  const modulus = key.readUnsignedInteger();
  const exponent = key.readUnsignedInteger();
  checkedRsaType(modulus, exponent);
  const [d, p, q] = [key.readUnsignedInteger(), key.readUnsignedInteger(), key.readUnsignedInteger()].map(toBigInt);
  for (let i = 0; i < 3; i++) key.readUnsignedInteger();
  key.finish();
  const e = toBigInt(exponent);
  if (d === undefined || p === undefined || q === undefined || p < 3n || q < 3n || p * q !== toBigInt(modulus)) {
    throw new CertsError("ERR_KEY_INVALID", "the primes of the RSA key do not make its modulus");
  }
  if ((d * e) % (p - 1n) !== 1n || (d * e) % (q - 1n) !== 1n) {
    throw new CertsError("ERR_KEY_INVALID", "public and private exponent do not belong together");
  }
}

function toBigInt(magnitude: Uint8Array): bigint {
  return BigInt(`0x${toHex(magnitude)}`);
}
