import { DerReader } from "../../certs/index.ts";
import type { SignatureAlgorithm } from "./ports.ts";

const coordinateBytes = { ES256: 32, ES384: 48 } as const;

/**
 * A signature as JWS wants it (RFC 7518 §3.4): r and s in fixed length instead of a DER SEQUENCE. RSA signatures are
 * the same in both.
 * @throws CertsError ERR_DER_… when a signer returned something else
 */
export function jwsSignature(algorithm: SignatureAlgorithm, signature: Uint8Array): Uint8Array {
  if (algorithm === "RS256") return signature;
  const size = coordinateBytes[algorithm];
  const outer = DerReader.over(signature);
  const values = outer.enter();
  outer.finish();
  const [r, s] = [values.readUnsignedInteger(), values.readUnsignedInteger()];
  values.finish();
  if (r.length > size || s.length > size) throw new RangeError(`the signature is not one of ${algorithm}`);
  const raw = new Uint8Array(2 * size);
  raw.set(r, size - r.length);
  raw.set(s, 2 * size - s.length);
  return raw;
}
