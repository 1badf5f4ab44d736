import type { Value, ValueType } from "./values.ts";

/** What a template can say of a node: of its certificate, unless marked otherwise. */
export interface TemplateFacts {
  /** Not of the certificate. */
  readonly trustDomain: string;
  /** SHA-1 of the DER, hex; SPIRE's name of such a node. */
  readonly fingerprint: string;
  readonly serialNumberHex: string;
  readonly serialNumber: string;
  readonly svidPathTrimmed: string;
  readonly subject: NameFacts;
  readonly issuer: NameFacts;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly uriSanSelectors: ReadonlyMap<string, string>;
}

export interface NameFacts {
  readonly commonName: string;
  readonly serialNumber: string;
  readonly country: readonly string[];
  readonly organization: readonly string[];
  readonly organizationalUnit: readonly string[];
  readonly locality: readonly string[];
  readonly province: readonly string[];
}

export interface TemplateField {
  readonly type: ValueType;
  /** The same for every node. */
  readonly isConstant?: true;
  /** Paths and parts of paths: a slash in them is no surprise. */
  readonly hasSlashes?: true;
  read(facts: TemplateFacts): Value;
}

export const pluginName = "x509pop";

const nameFields = (of: "subject" | "issuer", prefix: string): readonly (readonly [string, TemplateField])[] => [
  [`${prefix}.CommonName`, { type: "text", read: (facts) => facts[of].commonName }],
  [`${prefix}.SerialNumber`, { type: "text", read: (facts) => facts[of].serialNumber }],
  [`${prefix}.Country`, { type: "list", read: (facts) => facts[of].country }],
  [`${prefix}.Organization`, { type: "list", read: (facts) => facts[of].organization }],
  [`${prefix}.OrganizationalUnit`, { type: "list", read: (facts) => facts[of].organizationalUnit }],
  [`${prefix}.Locality`, { type: "list", read: (facts) => facts[of].locality }],
  [`${prefix}.Province`, { type: "list", read: (facts) => facts[of].province }],
];

/** By SPIRE's names: its own, and of Go's x509.Certificate those that can be part of a path. */
export const templateFields: ReadonlyMap<string, TemplateField> = new Map<string, TemplateField>([
  [".PluginName", { type: "text", isConstant: true, read: () => pluginName }],
  [".TrustDomain", { type: "text", isConstant: true, read: ({ trustDomain }) => trustDomain }],
  [".Fingerprint", { type: "text", read: ({ fingerprint }) => fingerprint }],
  [".SerialNumberHex", { type: "text", read: ({ serialNumberHex }) => serialNumberHex }],
  [".SerialNumber", { type: "text", read: ({ serialNumber }) => serialNumber }],
  [".SVIDPathTrimmed", { type: "text", hasSlashes: true, read: ({ svidPathTrimmed }) => svidPathTrimmed }],
  [".URISanSelectors", { type: "map", hasSlashes: true, read: ({ uriSanSelectors }) => uriSanSelectors }],
  [".DNSNames", { type: "list", read: ({ dnsNames }) => dnsNames }],
  [".IPAddresses", { type: "list", read: ({ ipAddresses }) => ipAddresses }],
  ...nameFields("subject", ".Subject"),
  ...nameFields("issuer", ".Issuer"),
]);
