/** One certificate of every shape that we issue, for the independent judges. */
import type { KeyObject } from "node:crypto";
import {
  assembleCertificate,
  Certificate,
  caSubject,
  caTbs,
  type DistinguishedName,
  encodeSpki,
  type IssuerSignatureAlgorithm,
  issuerInfoOf,
  randomSerial,
  signBytes,
  svidTbs,
} from "../../certs/index.ts";
import { testKey } from "./fixture-keys.ts";

export interface TestAuthority {
  readonly certificate: Certificate;
  readonly key: KeyObject;
  readonly algorithm: IssuerSignatureAlgorithm;
}

export interface IssuedShape {
  readonly name: string;
  readonly leaf: Certificate;
  readonly key: KeyObject;
  readonly intermediates: readonly Certificate[];
  /** Two: before, during and after a rotation either may come first. */
  readonly roots: readonly [Certificate, Certificate];
  readonly dnsName: string | undefined;
}

let serials = 0;
function nextSerial(): Uint8Array {
  const bytes = new Uint8Array(16).fill(0xa5);
  bytes[15] = serials++;
  return randomSerial(bytes);
}

export interface AuthorityOptions {
  readonly nowMs: number;
  readonly issuer?: TestAuthority;
  readonly pathLength?: number;
  readonly subject?: DistinguishedName;
  readonly lifeMs?: number;
}

export function testAuthority(keyType: string, options: AuthorityOptions): TestAuthority {
  const { nowMs, issuer, subject = caSubject, lifeMs = 86_400_000 } = options;
  const key = testKey(keyType);
  const own = keyType.startsWith("rsa") ? "RS256" : keyType === "ec-p384" ? "ES384" : "ES256";
  const signatureAlgorithm = issuer?.algorithm ?? own;
  const tbs = caTbs({
    issuer: issuer === undefined ? undefined : issuerInfoOf(issuer.certificate),
    serial: nextSerial(),
    notBeforeMs: nowMs - 10_000,
    notAfterMs: nowMs + lifeMs,
    spkiDer: encodeSpki(key),
    uri: "spiffe://a.test",
    subject,
    signatureAlgorithm,
    pathLength: options.pathLength,
  });
  const signature = signBytes(signatureAlgorithm, tbs, issuer?.key ?? key);
  return {
    certificate: Certificate.parse(assembleCertificate(tbs, signatureAlgorithm, signature)),
    key,
    algorithm: own,
  };
}

export interface LeafOptions {
  readonly nowMs: number;
  readonly uri: string;
  readonly dnsNames?: readonly string[];
  readonly subject?: DistinguishedName;
  readonly lifeMs?: number;
}

export function testLeaf(authority: TestAuthority, key: KeyObject, options: LeafOptions): Certificate {
  const tbs = svidTbs({
    issuer: issuerInfoOf(authority.certificate),
    serial: nextSerial(),
    notBeforeMs: options.nowMs - 10_000,
    notAfterMs: options.nowMs + (options.lifeMs ?? 3_600_000),
    spkiDer: encodeSpki(key),
    uri: options.uri,
    ...(options.dnsNames === undefined ? {} : { dnsSans: options.dnsNames }),
    ...(options.subject === undefined ? {} : { subject: options.subject }),
  });
  return Certificate.parse(
    assembleCertificate(tbs, authority.algorithm, signBytes(authority.algorithm, tbs, authority.key)),
  );
}

const leaves = [
  { role: "server", uri: "spiffe://a.test/spire/server" },
  { role: "agent", uri: "spiffe://a.test/spire/agent/join_token/0a1b" },
  { role: "workload", uri: "spiffe://a.test/ns/production/sa/payments" },
  { role: "workload with DNS names", uri: "spiffe://a.test/web", dnsNames: ["web.a.test", "*.web.a.test"] },
  { role: "workload with an empty subject", uri: "spiffe://a.test/web", dnsNames: [], subject: {} },
] as const;

/** CA key types × with and without intermediate × leaves, and every leaf key type once. */
export function issuedShapes(nowMs: number): readonly IssuedShape[] {
  const shapes: IssuedShape[] = [];
  for (const caType of ["ec-p256", "ec-p384", "rsa-2048"]) {
    const root = testAuthority(caType, { nowMs });
    const next = testAuthority(caType === "ec-p256" ? "rsa-2048" : "ec-p256", { nowMs });
    const middle = testAuthority("ec-p256", { nowMs, issuer: root, pathLength: 0 });
    const roots = [root.certificate, next.certificate] as const;
    for (const issuer of [root, middle]) {
      const intermediates = issuer === root ? [] : [middle.certificate];
      const under = issuer === root ? caType : `an intermediate of ${caType}`;
      const add = (role: string, keyType: string, options: Omit<LeafOptions, "nowMs">): void => {
        const key = testKey(keyType);
        const leaf = testLeaf(issuer, key, { nowMs, ...options });
        const name = `${role}, ${keyType}, under ${under}`;
        shapes.push({ name, leaf, key, intermediates, roots, dnsName: options.dnsNames?.[0] });
      };
      for (const { role, ...options } of leaves) add(role, "ec-p256", options);
      for (const keyType of ["ec-p384", "rsa-2048-other", "ed25519"]) add("workload", keyType, leaves[3]);
    }
  }
  return shapes;
}
