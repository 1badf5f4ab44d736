import { generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { type KeyType, rsaPublicExponent } from "./key-type.ts";

const generate = promisify(generateKeyPair);

/** A new private key, made off the event loop. RSA takes 0.1–2 s. */
export async function generateKey(type: KeyType): Promise<KeyObject> {
  switch (type) {
    case "ec-p256":
      return (await generate("ec", { namedCurve: "P-256" })).privateKey;
    case "ec-p384":
      return (await generate("ec", { namedCurve: "P-384" })).privateKey;
    case "rsa-2048":
    case "rsa-3072":
    case "rsa-4096": {
      const modulusLength = Number(type.slice("rsa-".length));
      return (await generate("rsa", { modulusLength, publicExponent: rsaPublicExponent })).privateKey;
    }
    case "ed25519":
      return (await generate("ed25519", {})).privateKey;
  }
}
