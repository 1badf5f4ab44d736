import {
  createPublicKey,
  type JsonWebKey,
  type JsonWebKeyInput,
  type KeyObject,
  type PublicKeyInput,
} from "node:crypto";
import { asBuffer, concatBytes, fromBase64url, fromHex, startsWithBytes, toBase64url } from "../bytes.ts";
import { DerReader } from "../der/reader.ts";
import { tag } from "../der/tags.ts";
import { CertsError } from "../errors.ts";
import { certsLimits } from "../limits.ts";
import { type EcKeyType, type KeyType, publicKeyType, rsaKeyType, rsaPublicExponent } from "./key-type.ts";

/** Everything before the point or raw key: for one type it is always the same, so that one comparison checks it all. */
const spkiPrefixes = {
  "ec-p256": fromHex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"),
  "ec-p384": fromHex("3076301006072a8648ce3d020106052b8104002203620004"),
  ed25519: fromHex("302a300506032b6570032100"),
} as const;

const rawKeyBytes = { "ec-p256": 64, "ec-p384": 96, ed25519: 32 } as const;
/** Takes P-384, the longest of the fixed ones. */
const pemLineBytes = 120;
const rsaAlgorithm = fromHex("300d06092a864886f70d0101010500");

export const ecCurves = {
  "ec-p256": { jwk: "P-256", ecdh: "prime256v1", coordinateBytes: 32 },
  "ec-p384": { jwk: "P-384", ecdh: "secp384r1", coordinateBytes: 48 },
} as const satisfies Readonly<Record<EcKeyType, unknown>>;

/** OpenSSL 3.0 (Node 20) takes 130 µs to import an SPKI but 85 µs for a JWK; from 3.5 on the SPKI is the faster one. */
const importsJwkFaster =
  Number(process.versions.openssl.split(".")[1]) < 2 && process.versions.openssl.startsWith("3.");

/**
 * Recognises a SubjectPublicKeyInfo by its bytes, without importing it: whether a point lies on its curve is only
 * found by `decodeSpki`. Throws ERR_KEY_UNSUPPORTED (other algorithm, explicit curve, compressed point, RSA size or
 * exponent) and ERR_DER_….
 */
export function spkiKeyType(spkiDer: Uint8Array): KeyType {
  return recogniseSpki(spkiDer).type;
}

/** The type and the subjectPublicKey bits. */
export function recogniseSpki(spkiDer: Uint8Array): { readonly type: KeyType; readonly publicKeyBits: Uint8Array } {
  for (const type of ["ec-p256", "ec-p384", "ed25519"] as const) {
    const prefix = spkiPrefixes[type];
    if (spkiDer.length !== prefix.length + rawKeyBytes[type] || !startsWithBytes(spkiDer, prefix)) continue;
    // The 04 in front of a point is part of the prefix and of the bits.
    return { type, publicKeyBits: spkiDer.subarray(type === "ed25519" ? prefix.length : prefix.length - 1) };
  }
  const { algorithm, publicKeyBits } = splitSpki(spkiDer);
  if (algorithm.length !== rsaAlgorithm.length || !startsWithBytes(algorithm, rsaAlgorithm)) {
    throw new CertsError("ERR_KEY_UNSUPPORTED", "public key of an algorithm or form that is not accepted");
  }
  const outer = DerReader.over(publicKeyBits);
  const key = outer.enter();
  outer.finish();
  const type = checkedRsaType(key.readUnsignedInteger(), key.readUnsignedInteger());
  key.finish();
  return { type, publicKeyBits };
}

/** Throws ERR_KEY_UNSUPPORTED. Both are unsigned magnitudes. */
export function checkedRsaType(modulus: Uint8Array, exponent: Uint8Array): KeyType {
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
  const type = rsaKeyType(bits);
  if (type === undefined || ((modulus.at(-1) ?? 0) & 1) === 0) {
    throw new CertsError("ERR_KEY_UNSUPPORTED", `RSA with a modulus of ${bits} bits, or an even one`);
  }
  if (exponent.length > 4 || exponent.reduce((sum, byte) => sum * 256 + byte, 0) !== rsaPublicExponent) {
    throw new CertsError("ERR_KEY_UNSUPPORTED", "RSA with a public exponent other than 65537");
  }
  return type;
}

/** The two parts of any SubjectPublicKeyInfo, whatever its algorithm. Throws ERR_DER_…. */
export function splitSpki(spkiDer: Uint8Array): { readonly algorithm: Uint8Array; readonly publicKeyBits: Uint8Array } {
  const outer = DerReader.over(spkiDer, { maxBytes: certsLimits.keyBytes.value });
  const spki = outer.enter();
  outer.finish();
  const algorithm = spki.readWhole(tag.sequence).bytes;
  const publicKeyBits = spki.readByteString();
  spki.finish();
  return { algorithm, publicKeyBits };
}

/** DER SubjectPublicKeyInfo of a public or private key. Throws ERR_KEY_UNSUPPORTED. */
export function encodeSpki(key: KeyObject): Uint8Array {
  const type = publicKeyType(key);
  if (type === "ec-p256" || type === "ec-p384" || type === "ed25519") {
    // Written from the JWK: OpenSSL's own encoder costs more than making the key.
    const jwk = key.export({ format: "jwk" });
    return concatBytes([spkiPrefixes[type], ...rawPublicKey(jwk)]);
  }
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  return new Uint8Array(publicKey.export({ format: "der", type: "spki" }));
}

/** x, or x and y. Node writes coordinates in full length (RFC 7518 §6.2.1.2). */
export function rawPublicKey(jwk: JsonWebKey): readonly Uint8Array[] {
  return [jwk.x, jwk.y].flatMap((part) => (part === undefined ? [] : [fromBase64url(part)]));
}

/** Imports a SubjectPublicKeyInfo. Throws ERR_KEY_UNSUPPORTED, ERR_KEY_INVALID (point not on the curve), ERR_DER_…. */
export function decodeSpki(spkiDer: Uint8Array): KeyObject {
  return importSpki(spkiDer).key;
}

export interface TypedKey {
  readonly key: KeyObject;
  readonly type: KeyType;
}

export function importSpki(spkiDer: Uint8Array): TypedKey {
  const type = spkiKeyType(spkiDer);
  return { type, key: importPublicKey(type, spkiDer) };
}

function importPublicKey(type: KeyType, spkiDer: Uint8Array): KeyObject {
  try {
    return createPublicKey(publicKeyInput(type, spkiDer));
  } catch (cause) {
    throw new CertsError("ERR_KEY_INVALID", "the public key is not a valid one of its type", { cause });
  }
}

/**
 * What `createPublicKey` and `verify` take, in the form that this Node imports fastest. PEM, because Node 24 asks every
 * key that is not a string whether it is a KeyObject by catching an exception, whose stack trace costs as much as half a
 * verification. One line only, so the keys that fit one: OpenSSL's reader takes 254 characters.
 */
export function publicKeyInput(type: KeyType, spkiDer: Uint8Array): string | PublicKeyInput | JsonWebKeyInput {
  if (importsJwkFaster && (type === "ec-p256" || type === "ec-p384")) {
    return { key: ecJwk(type, spkiDer.subarray(spkiPrefixes[type].length)), format: "jwk" };
  }
  const der = asBuffer(spkiDer);
  if (spkiDer.length > pemLineBytes) return { key: der, format: "der", type: "spki" };
  return `-----BEGIN PUBLIC KEY-----\n${der.toString("base64")}\n-----END PUBLIC KEY-----\n`;
}

/** `point`: x and y, without the leading 04. */
export function ecJwk(type: EcKeyType, point: Uint8Array): JsonWebKey {
  const { jwk, coordinateBytes } = ecCurves[type];
  return {
    kty: "EC",
    crv: jwk,
    x: toBase64url(point.subarray(0, coordinateBytes)),
    y: toBase64url(point.subarray(coordinateBytes)),
  };
}
