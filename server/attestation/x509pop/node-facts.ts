import { createHash } from "node:crypto";
import { type Certificate, nameAttributes } from "../../../certs/index.ts";
import { Selector, type TrustDomain } from "../../../spiffe/index.ts";
import { type NameFacts, pluginName, type TemplateFacts } from "./path-template/fields.ts";

const mappedPrefix = Buffer.from("00000000000000000000ffff", "hex");

/** What a verified certificate says of its node, as SPIRE reads it. `svidPathTrimmed` is "" unless it is an SVID. */
export function nodeFacts(leaf: Certificate, trustDomain: TrustDomain, svidPathTrimmed: string): TemplateFacts {
  return {
    trustDomain: trustDomain.name,
    fingerprint: fingerprint(leaf),
    serialNumber: leaf.serialNumber,
    serialNumberHex: serialNumberHex(leaf.serialNumber),
    svidPathTrimmed,
    subject: nameFacts(leaf.subjectDer),
    issuer: nameFacts(leaf.issuerDer),
    dnsNames: leaf.dnsSans,
    ipAddresses: leaf.ipSans.map(addressText),
    uriSanSelectors: uriSanSelectors(leaf.uriSans, trustDomain),
  };
}

/** `paths`: every way the certificate verifies; leaf first in each. */
export function nodeSelectors(facts: TemplateFacts, paths: readonly (readonly Certificate[])[]): readonly Selector[] {
  const authorities = new Set(paths.flatMap((path) => path.slice(1).map(fingerprint)));
  const values = [
    ...(facts.subject.commonName === "" ? [] : [`subject:cn:${facts.subject.commonName}`]),
    ...[...authorities].map((id) => `ca:fingerprint:${id}`),
    `serialnumber:${facts.serialNumberHex}`,
    ...[...facts.uriSanSelectors].map(([key, value]) => `san:${key}:${value}`),
  ];
  return values.map((value) => Selector.of(pluginName, value));
}

/** SHA-1 because that is what the selector is on the wire; nothing is trusted for it. */
function fingerprint({ der }: Certificate): string {
  return createHash("sha1").update(der).digest("hex");
}

/** Lower case, an even number of digits. */
function serialNumberHex(decimal: string): string {
  const hex = BigInt(decimal).toString(16);
  return hex.padStart(hex.length + (hex.length % 2), "0");
}

/** Where an attribute is repeated, the last common name and serial number count, as in Go. */
function nameFacts(name: Uint8Array): NameFacts {
  const attributes = nameAttributes(name);
  const all = (type: string): readonly string[] =>
    attributes.filter((one) => one.type === type).map(({ text }) => text);
  return {
    commonName: all("2.5.4.3").at(-1) ?? "",
    serialNumber: all("2.5.4.5").at(-1) ?? "",
    country: all("2.5.4.6"),
    organization: all("2.5.4.10"),
    organizationalUnit: all("2.5.4.11"),
    locality: all("2.5.4.7"),
    province: all("2.5.4.8"),
  };
}

/** `x509pop://<trust domain>/<key>/<value>`; the last of one key counts. */
function uriSanSelectors(uris: readonly string[], trustDomain: TrustDomain): ReadonlyMap<string, string> {
  const prefix = `${pluginName}://${trustDomain.name}/`;
  const found = new Map<string, string>();
  for (const uri of uris) {
    if (!uri.startsWith(prefix)) continue;
    const path = decoded(uri.slice(prefix.length).replace(/[?#].*$/, ""));
    const match = /^\/*([^/]+)\/(.*?)\/*$/s.exec(path ?? "");
    const [, key, value] = match ?? [];
    if (key !== undefined && value !== undefined && value !== "") found.set(key, value);
  }
  return found;
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** An IPv4 address that is written as an IPv6 one is an IPv4 address. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (Buffer.from(bytes.subarray(0, 12)).equals(mappedPrefix)) return bytes.subarray(12).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0));
  return groups.map((group) => group.toString(16)).join(":");
}
