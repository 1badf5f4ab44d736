import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";

/** A private key from test/fixtures/keys. */
export function fixtureKey(name: string): KeyObject {
  return createPrivateKey(readFileSync(new URL(`../fixtures/keys/${name}.pem`, import.meta.url)));
}

/** A fresh key of a cheap type, or the fixture for RSA. */
export function testKey(type: string): KeyObject {
  if (type === "ec-p256") return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  if (type === "ec-p384") return generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
  if (type === "ed25519") return generateKeyPairSync("ed25519", {}).privateKey;
  return fixtureKey(type);
}
