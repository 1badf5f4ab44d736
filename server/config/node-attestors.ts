import { resolve } from "node:path";
import { z } from "zod";
import {
  type ConfigProblem,
  flag,
  integer,
  oneOf,
  parsed,
  type SettingValues,
  setting,
  text,
} from "../../runtime/host/index.ts";
import { AgentPathTemplate } from "../attestation/index.ts";
import { serverLimits } from "../limits.ts";

const path = text(4096);
const x509pop = "node_attestors.x509pop";

/** How nodes may prove which they are; several ways may be offered at once. */
export const nodeAttestorSettings = {
  "node_attestors.join_token.enabled": setting(flag, { initial: true, doc: "Let nodes attest with join tokens." }),
  "node_attestors.x509pop.mode": setting(oneOf("external_pki", "spiffe"), {
    initial: "external_pki",
    doc: "Whose certificates prove a node: those under a CA bundle, or (spiffe) SVIDs of this trust domain.",
  }),
  "node_attestors.x509pop.ca_bundle_path": setting(path.optional(), {
    doc: "PEM file of the authorities (external_pki); read again when it changes. Setting it offers x509pop.",
  }),
  "node_attestors.x509pop.ca_bundle_paths": setting(z.array(path).min(1, "must name a file").max(64).optional(), {
    doc: "The same, several files.",
  }),
  "node_attestors.x509pop.svid_prefix": setting(
    z
      .string("must be text")
      .max(2048)
      .refine((prefix) => prefix === "" || prefix.startsWith("/"), "must begin with a slash"),
    { initial: "/spire-exchange/", doc: "Paths of SVIDs that prove a node begin with this (spiffe)." },
  ),
  "node_attestors.x509pop.agent_path_template": setting(parsed(parseTemplate).optional(), {
    doc: "Path of the agent's id below /spire/agent, made from the certificate. Default: /{{ .PluginName }}/{{ .Fingerprint }}, with spiffe /{{ .PluginName }}/{{ .SVIDPathTrimmed }}.",
  }),
  "node_attestors.x509pop.max_intermediates": setting(integer(1, serverLimits.x509popIntermediates.value), {
    initial: 4,
    doc: "Intermediate certificates a node may show.",
  }),
  "node_attestors.x509pop.max_rsa_key_size": setting(integer(2048, 4096), {
    initial: 4096,
    doc: "Longest RSA key in a node's certificates, bits. 2048, 3072 and 4096 are taken at all.",
  }),
  "node_attestors.x509pop.verify_client_ip": setting(flag, {
    initial: false,
    doc: "Only from an IP address that the node's certificate names.",
  }),
} as const;

type Values = SettingValues<typeof nodeAttestorSettings>;

export interface NodeAttestorsConfig {
  readonly joinToken: boolean;
  readonly x509pop: X509PopConfig | undefined;
}

export interface X509PopConfig {
  readonly mode:
    | { readonly kind: "external_pki"; readonly caBundlePaths: readonly string[] }
    | { readonly kind: "spiffe"; readonly svidPrefix: string };
  readonly pathTemplate: AgentPathTemplate;
  readonly maxIntermediates: number;
  readonly maxRsaBits: number;
  readonly verifiesClientIp: boolean;
}

export function nodeAttestorsConfig(values: Values): NodeAttestorsConfig {
  return { joinToken: values["node_attestors.join_token.enabled"], x509pop: x509popConfig(values) };
}

/** What the settings of x509pop have to do with each other. */
export function nodeAttestorProblems(values: Values): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const add = (name: string, message: string): void => {
    problems.push({ where: "", key: `${x509pop}.${name}`, message });
  };
  const [one, several] = [values[`${x509pop}.ca_bundle_path`], values[`${x509pop}.ca_bundle_paths`]];
  if (one !== undefined && several !== undefined) add("ca_bundle_path", "cannot be combined with ca_bundle_paths");
  const isSpiffe = values[`${x509pop}.mode`] === "spiffe";
  if (isSpiffe && (one ?? several) !== undefined) add("mode", "spiffe uses the trust domain's bundle, not a CA bundle");
  const isOffered = isSpiffe || one !== undefined || several !== undefined;
  if (!isOffered && values[`${x509pop}.agent_path_template`] !== undefined) {
    add("ca_bundle_path", "is required (or ca_bundle_paths, or mode: spiffe)");
  }
  if (!isOffered && !values["node_attestors.join_token.enabled"]) {
    problems.push({ where: "", key: "node_attestors", message: "no way is left for a node to attest" });
  }
  return problems;
}

function x509popConfig(values: Values): X509PopConfig | undefined {
  const mode = x509popMode(values);
  if (mode === undefined) return undefined;
  const usual = mode.kind === "spiffe" ? ".SVIDPathTrimmed" : ".Fingerprint";
  return {
    mode,
    pathTemplate: values[`${x509pop}.agent_path_template`] ?? parseTemplate(`/{{ .PluginName }}/{{ ${usual} }}`),
    maxIntermediates: values[`${x509pop}.max_intermediates`],
    maxRsaBits: values[`${x509pop}.max_rsa_key_size`],
    verifiesClientIp: values[`${x509pop}.verify_client_ip`],
  };
}

function x509popMode(values: Values): X509PopConfig["mode"] | undefined {
  const prefix = values[`${x509pop}.svid_prefix`];
  if (values[`${x509pop}.mode`] === "spiffe") {
    return { kind: "spiffe", svidPrefix: prefix.endsWith("/") ? prefix : `${prefix}/` };
  }
  const one = values[`${x509pop}.ca_bundle_path`];
  const paths = values[`${x509pop}.ca_bundle_paths`] ?? (one === undefined ? [] : [one]);
  return paths.length === 0 ? undefined : { kind: "external_pki", caBundlePaths: paths.map((file) => resolve(file)) };
}

function parseTemplate(template: string): AgentPathTemplate {
  if (template.length > serverLimits.pathTemplateCharacters.value) throw new Error("is too long");
  return AgentPathTemplate.parse(template);
}
