import { constants } from "node:os";
import { z } from "zod";
import { durationMs, flag, logLevels, oneOf, parsed, port, setting, text } from "../../../runtime/host/index.ts";
import { SpiffeId } from "../../../spiffe/index.ts";

const fileName = text(255)
  .refine(
    (name) => !name.startsWith("/") && !name.split("/").some((part) => part === ".." || part === "." || part === ""),
    {
      error: "must be a path below cert_dir",
    },
  )
  .refine((name) => !name.startsWith(".."), { error: "must not begin with two dots" });

const mode = z.union([z.string(), z.number()], 'must be text such as "0640"').transform((value, context) => {
  if (typeof value === "number") context.addIssue('write it in quotes, such as "0640"');
  else if (!/^0?[0-7]{3}$/.test(value)) context.addIssue('must be three octal digits, such as "0640"');
  return Number.parseInt(String(value), 8);
});

const signalName = parsed((name): NodeJS.Signals => {
  const full = name.startsWith("SIG") ? name : `SIG${name}`;
  if (isSignal(full)) return full;
  throw new Error(`there is no signal ${name}`);
});

function isSignal(name: string): name is NodeJS.Signals {
  return Object.hasOwn(constants.signals, name);
}

const httpUrl = parsed((value): URL => {
  const url = new URL(value);
  if (url.protocol !== "https:" && url.protocol !== "http:") throw new Error("must be an http or https URL");
  if (url.username !== "" || url.password !== "") throw new Error("must not hold a user name or password");
  return url;
});

/**
 * Every setting of `agent write-files`. Names and meanings are spiffe-helper's wherever the thing is the same, so that its
 * configuration can be read.
 */
export const filesSettings = {
  agent_address: setting(text(4096).optional(), {
    doc: "The Workload API: a path, `unix:///path` or `tcp://ip:port`. Default: SPIFFE_ENDPOINT_SOCKET, else as for `countersign api`.",
  }),
  cert_dir: setting(text(4096), { doc: "Folder of the files; made when missing. Required." }),
  layout: setting(oneOf("swap", "files"), {
    initial: "swap",
    doc: "`swap`: the files are links into one folder that is exchanged as a whole. `files`: each file is replaced by itself. See docs/files-bridge.md.",
  }),
  svid_file_name: setting(fileName.optional(), {
    doc: "The X509-SVID with its intermediates, PEM. When no file at all is named: svid.pem, svid_key.pem and svid_bundle.pem.",
  }),
  svid_key_file_name: setting(fileName.optional(), { doc: "Its private key, PKCS#8 PEM." }),
  svid_combined_file_name: setting(fileName.optional(), {
    doc: "Key and chain in one file, for programs that take that; with the mode of a key.",
  }),
  svid_bundle_file_name: setting(fileName.optional(), {
    doc: "Certificates of the own trust domain's authorities, PEM.",
  }),
  bundles_dir_name: setting(fileName.optional(), {
    doc: "Folder with a NAME.pem and a NAME.json (SPIFFE bundle document, X.509 and JWT authorities) for each trust domain, the own and federated ones.",
  }),
  jwt_svids: setting(
    z
      .array(
        z.strictObject({
          jwt_audience: text(2048),
          jwt_extra_audiences: z.array(text(2048)).max(100).optional(),
          jwt_svid_file_name: fileName,
        }),
      )
      .max(100),
    {
      initial: [],
      doc: "JWT-SVIDs: a list of `jwt_audience`, `jwt_extra_audiences` (a list, optional) and `jwt_svid_file_name`.",
    },
  ),
  jwt_bundle_file_name: setting(fileName.optional(), {
    doc: "JWT bundles: a JSON object of trust domain → JWKS in base64, as spiffe-helper writes it.",
  }),
  include_federated_domains: setting(flag, {
    initial: false,
    doc: "Add the authorities of federated trust domains to svid_bundle_file_name. A program that checks chains alone then takes any of them for every name: see docs/files-bridge.md.",
  }),
  omit_expired: setting(flag, { initial: false, doc: "Leave expired authorities out of the PEM files." }),
  add_intermediates_to_bundle: setting(flag, {
    initial: false,
    doc: "Put intermediates into the bundle instead of behind the SVID, as MySQL wants it.",
  }),
  cert_file_mode: setting(mode, { initial: "0644", doc: "Mode of chains and bundles, in quotes." }),
  key_file_mode: setting(mode, { initial: "0600", doc: "Mode of the key and of the combined file." }),
  jwt_bundle_file_mode: setting(mode, { initial: "0600", doc: "Mode of the JWT bundles." }),
  jwt_svid_file_mode: setting(mode, { initial: "0600", doc: "Mode of JWT-SVIDs." }),
  hint: setting(text(1024).optional(), { doc: "Which identity, when there are several: the one with this hint." }),
  spiffe_id: setting(parsed((id) => SpiffeId.parse(id)).optional(), {
    doc: "Which identity: this one. Default: the first.",
  }),
  remove_expired: setting(flag, {
    initial: false,
    doc: "Remove chain, key and JWT-SVIDs when they expire without replacement. Default: they stay, and expired they are of no use.",
  }),
  daemon_mode: setting(flag, { initial: true, doc: "`false` is `--once`: write everything and end." }),
  timeout: setting(durationMs({ minMs: 100, maxMs: 86_400_000 }), {
    initial: "30s",
    doc: "How long `--once` waits for everything; then exit code 4.",
  }),
  cmd: setting(text(4096).optional(), {
    doc: "Program to run once the files are there. When they change it gets renew_signal if it still runs, and is run again if not.",
  }),
  cmd_args: setting(z.union([z.string(), z.array(z.string())], "must be text or a list of texts"), {
    initial: [],
    doc: "Its arguments: a list, or text that is split at spaces outside of double quotes.",
  }),
  renew_signal: setting(signalName.optional(), { doc: "Signal for cmd and pid_file_name, e.g. SIGHUP." }),
  pid_file_name: setting(text(4096).optional(), {
    doc: "File with the id of a process that gets renew_signal when the files change; read each time.",
  }),
  notify_url: setting(httpUrl.optional(), {
    doc: "URL that gets a POST when the files change, with the names of those that did, as JSON.",
  }),
  notify_timeout: setting(durationMs({ minMs: 100, maxMs: 60_000 }), {
    initial: "5s",
    doc: "How long that may take before it counts as failed; it is tried again.",
  }),
  notify_on: setting(oneOf("x509", "any").optional(), {
    doc: "Which changes the program is told of: of X.509 files, or of any. Default: x509 where such files are written, as spiffe-helper does.",
  }),
  "health_checks.listener_enabled": setting(flag, {
    initial: false,
    doc: "Probes over plain HTTP; not with `--once`.",
  }),
  "health_checks.bind_address": setting(text(255).optional(), {
    doc: "Address of that listener. Default: localhost; every address in spiffe-helper's configuration.",
  }),
  "health_checks.bind_port": setting(port, { initial: 8081, doc: "Its port." }),
  "health_checks.liveness_path": setting(text(255), { initial: "/live", doc: "503 when files cannot be written." }),
  "health_checks.readiness_path": setting(text(255), {
    initial: "/ready",
    doc: "200 when everything is written and nothing of it has expired.",
  }),
  log_level: setting(oneOf(...logLevels), { initial: "info", doc: "Least important level that is logged." }),
} as const;
