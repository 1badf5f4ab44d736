import type { KeyObject } from "node:crypto";
import {
  assembleCertificate,
  Certificate,
  caTbs,
  encodeSpki,
  issuerInfoOf,
  randomSerial,
  signBytes,
} from "../../certs/index.ts";
import { type Clock, systemRandom } from "../../runtime/core/index.ts";
import { testKey } from "./fixture-keys.ts";

export interface TestCa {
  readonly certificate: Certificate;
  readonly der: Uint8Array;
  readonly key: KeyObject;
}

/** A corporate CA: no SPIFFE name in it, a year of life unless said otherwise. Times are relative to the clock. */
export function testCa(
  commonName: string,
  clock: Clock,
  parts: {
    readonly issuer?: TestCa;
    readonly fromMs?: number;
    readonly toMs?: number;
    readonly pathLength?: number;
  } = {},
): TestCa {
  const key = testKey("ec-p256");
  const { issuer } = parts;
  const tbs = caTbs({
    issuer: issuer === undefined ? undefined : issuerInfoOf(issuer.certificate),
    serial: randomSerial(systemRandom.bytes(16)),
    notBeforeMs: clock.now() + (parts.fromMs ?? -60_000),
    notAfterMs: clock.now() + (parts.toMs ?? 365 * 86_400_000),
    spkiDer: encodeSpki(key),
    subject: { commonName },
    signatureAlgorithm: "ES256",
    pathLength: parts.pathLength,
  });
  const der = assembleCertificate(tbs, "ES256", signBytes("ES256", tbs, issuer?.key ?? key));
  return { certificate: Certificate.parse(der), der, key };
}
