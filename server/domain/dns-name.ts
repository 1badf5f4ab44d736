import { serverLimits } from "../limits.ts";
import { isALabel } from "./a-label.ts";

export type DnsNameProblem =
  | "empty"
  | "not ASCII (give the xn-- form)"
  | "too long"
  | "a trailing dot"
  | "an empty label"
  | "a label that is too long"
  | "a wildcard that is not the whole first label"
  | "a wildcard with nothing below it"
  | "a character that is not a letter, digit, hyphen or underscore"
  | "a label that starts or ends with a hyphen"
  | "two hyphens at the third place of a label that is not an A-label"
  | "an A-label that is not valid Punycode of a non-ASCII label"
  | "a last label of digits only";

/**
 * What is wrong with a DNS name for a SAN, or `undefined`: LDH labels (RFC 5890 §2.3.1) that could stand in the DNS,
 * upper case allowed, and underscores, which are no host name's but are in the names of many containers and accepted by
 * SPIRE and by those who verify; at most one `*.` in front. A-labels must be the Punycode of what IDNA would encode, and a name
 * whose last label is digits would be read as an IPv4 address.
 */
export function dnsNameProblem(name: string): DnsNameProblem | undefined {
  if (name === "") return "empty";
  for (let index = 0; index < name.length; index += 1) {
    if (name.charCodeAt(index) > 0x7f) return "not ASCII (give the xn-- form)";
  }
  if (name.length > serverLimits.dnsNameCharacters.value) return "too long";
  if (name.endsWith(".")) return "a trailing dot";
  const labels = name.split(".");
  const isWildcard = labels[0] === "*";
  if (isWildcard && labels.length === 1) return "a wildcard with nothing below it";
  for (const label of isWildcard ? labels.slice(1) : labels) {
    const problem = labelProblem(label);
    if (problem !== undefined) return problem;
  }
  return /^[0-9]+$/.test(labels.at(-1) ?? "") ? "a last label of digits only" : undefined;
}

function labelProblem(label: string): DnsNameProblem | undefined {
  if (label === "") return "an empty label";
  if (label.length > serverLimits.dnsLabelCharacters.value) return "a label that is too long";
  if (label.includes("*")) return "a wildcard that is not the whole first label";
  if (!/^[A-Za-z0-9_-]+$/.test(label)) return "a character that is not a letter, digit, hyphen or underscore";
  if (label.startsWith("-") || label.endsWith("-")) return "a label that starts or ends with a hyphen";
  if (label.slice(2, 4) !== "--") return undefined;
  if (label.slice(0, 2).toLowerCase() !== "xn") {
    return "two hyphens at the third place of a label that is not an A-label";
  }
  return isALabel(label.toLowerCase()) ? undefined : "an A-label that is not valid Punycode of a non-ASCII label";
}
