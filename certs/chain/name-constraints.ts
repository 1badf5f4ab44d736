import { CertsError } from "../errors.ts";
import type { Certificate } from "../x509/certificate.ts";
import { generalNameTag } from "../x509/general-names.ts";
import type { NameConstraints, Subtree } from "../x509/name-constraints.ts";

/** Kinds that only matter when such a name occurs; the rest would also constrain subjects, which we do not compare. */
const skippable: ReadonlySet<number> = new Set([
  generalNameTag.ip,
  generalNameTag.otherName,
  generalNameTag.registeredId,
]);

/**
 * Checks the names of everything below each authority of `path` (leaf first) against its constraints, whether they are
 * marked critical or not (X509-SVID §4.2). Throws ERR_CHAIN_NAME_CONSTRAINTS, also for kinds that are not processed.
 */
export function checkNameConstraints(path: readonly Certificate[]): void {
  for (const [height, authority] of path.entries()) {
    const constraints = height === 0 ? undefined : authority.nameConstraints;
    if (constraints === undefined) continue;
    for (const [depth, certificate] of path.slice(0, height).entries()) {
      // RFC 5280 §6.1.3 (b): self-issued certificates are exempt, except the leaf.
      if (depth > 0 && certificate.isSelfIssued) continue;
      checkCertificate(certificate, constraints);
    }
  }
}

function checkCertificate(certificate: Certificate, constraints: NameConstraints): void {
  for (const subtree of [...constraints.permitted, ...constraints.excluded]) {
    if (subtree.kind === "other") checkSkippable(certificate, subtree.tag);
  }
  for (const uri of certificate.uriSans) {
    checkName("uri", constraints, (base) => hostMatches(uriHost(uri), base));
  }
  for (const name of certificate.dnsSans) {
    const lower = name.toLowerCase();
    if (constraints.excluded.some((subtree) => subtree.kind === "dns" && wildcardReaches(lower, subtree.base))) {
      throw refused("a wildcard DNS name covers an excluded name");
    }
    checkName("dns", constraints, (base) => dnsMatches(lower, base));
  }
}

function checkSkippable(certificate: Certificate, tag: number): void {
  if (!skippable.has(tag) || certificate.subjectAltNames.some((name) => name.tag === tag)) {
    throw refused("constraints of a kind that is not processed");
  }
}

function checkName(kind: "uri" | "dns", constraints: NameConstraints, matches: (base: string) => boolean): void {
  const reaches = (subtree: Subtree): boolean => subtree.kind === kind && matches(subtree.base);
  const permitted = constraints.permitted.filter((subtree) => subtree.kind === kind);
  if (constraints.excluded.some(reaches)) throw refused(`a ${kind} name is excluded`);
  if (permitted.length > 0 && !permitted.some(reaches)) throw refused(`a ${kind} name is not among the permitted ones`);
}

/** Host of a URI in lower case. A URI without one, or with an address, cannot be constrained and is refused. */
function uriHost(uri: string): string {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(uri)?.[1] ?? "";
  const host = authority
    .slice(authority.lastIndexOf("@") + 1)
    .replace(/:[0-9]*$/, "")
    .toLowerCase();
  if (host === "" || host.startsWith("[") || /^[0-9.]+$/.test(host)) {
    throw refused("a URI without a host name under an authority with URI constraints");
  }
  return host;
}

/** URI: "a.test" is that host, ".a.test" every host below it. */
function hostMatches(host: string, base: string): boolean {
  if (base === "") return true;
  return base.startsWith(".") ? host.endsWith(base) && host.length > base.length : host === base;
}

/** DNS: "a.test" is that name and every name below it. */
function dnsMatches(name: string, base: string): boolean {
  if (base === "" || name === base) return true;
  return name.endsWith(base.startsWith(".") ? base : `.${base}`);
}

/** "*.a.test" stands for b.a.test, so it must not be issued where b.a.test is excluded. */
function wildcardReaches(name: string, base: string): boolean {
  return name.startsWith("*.") && dnsMatches(base.startsWith(".") ? base.slice(1) : base, name.slice(2));
}

function refused(message: string): CertsError {
  return new CertsError("ERR_CHAIN_NAME_CONSTRAINTS", message);
}
