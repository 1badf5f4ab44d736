import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { AuthorityKeyType } from "../../server/issuance/ports.ts";

/** A key without leaving the thread: under a FakeClock, work on other threads falls behind virtual time. */
export async function generateKeyAtOnce(type: AuthorityKeyType): Promise<KeyObject> {
  switch (type) {
    case "ec-p256":
      return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    case "ec-p384":
      return generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
    case "rsa-2048":
      return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    case "rsa-4096":
      return generateKeyPairSync("rsa", { modulusLength: 4096 }).privateKey;
  }
}
