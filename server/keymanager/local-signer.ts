import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { publicKeyType, signatureAlgorithmFor } from "../../certs/index.ts";
import { serverErrors } from "../errors.ts";
import type { SignatureAlgorithm, Signer } from "../issuance/ports.ts";

/** Which algorithm a key signs with. @throws ERR_AUTHORITY_KEY_UNSUPPORTED for a key that no authority of ours has */
function signatureAlgorithmOf(key: KeyObject): SignatureAlgorithm {
  const algorithm = signatureAlgorithmFor(publicKeyType(key));
  if (algorithm !== "Ed25519") return algorithm;
  throw serverErrors.error("ERR_AUTHORITY_KEY_UNSUPPORTED", "an authority does not sign with Ed25519");
}

function digestOf(algorithm: SignatureAlgorithm): "sha256" | "sha384" {
  return algorithm === "ES384" ? "sha384" : "sha256";
}

/**
 * Signs with a private key of this process. P-256 is signed on the spot (about 30 µs, less than the way to the
 * thread pool and back costs); everything slower goes to libuv's threads, so the event loop is not held.
 */
export function localSigner(privateKey: KeyObject): Signer {
  const publicKey = createPublicKey(privateKey);
  const algorithm = signatureAlgorithmOf(publicKey);
  const digest = digestOf(algorithm);
  return {
    algorithm,
    publicKey,
    sign: algorithm === "ES256" ? async (message) => sign(digest, message, privateKey) : inThreadPool,
  };

  function inThreadPool(message: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      sign(digest, message, privateKey, (error, signature) => {
        if (error) reject(error);
        else resolve(signature);
      });
    });
  }
}
