import type { KeyObject } from "node:crypto";
import { createPublicKey } from "node:crypto";
import { buildCsr, encodePkcs8, encodeSpki, generateKey } from "../../certs/index.ts";

/** Key types a workload may have. */
export const workloadKeyTypes = ["ec-p256", "ec-p384", "rsa-2048"] as const;
export type WorkloadKeyType = (typeof workloadKeyTypes)[number];

/** A fresh key of a workload: never used before, never sent anywhere. */
export interface WorkloadKey {
  /** PKCS#8 DER. */
  readonly keyDer: Uint8Array;
  /** DER SubjectPublicKeyInfo. */
  readonly spkiDer: Uint8Array;
  /** DER PKCS#10, signed with the key. */
  readonly csrDer: Uint8Array;
}

/** Makes one. Generation runs on libuv's pool; only export and signature (about 60 µs for P-256) on this thread. */
export type MakeWorkloadKey = () => Promise<WorkloadKey>;

export function workloadKeyMaker(type: WorkloadKeyType): MakeWorkloadKey {
  return async () => describeWorkloadKey(await generateKey(type));
}

export function describeWorkloadKey(key: KeyObject): WorkloadKey {
  return { keyDer: encodePkcs8(key), spkiDer: encodeSpki(createPublicKey(key)), csrDer: buildCsr({ key }) };
}
