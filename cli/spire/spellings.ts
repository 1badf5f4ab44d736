/** What a flag of SPIRE's means here. */
export type Spelling =
  /** Another name. */
  | string
  /** The value is an argument of ours; `with` are flags that then go along. */
  | { readonly kind: "argument"; readonly with?: readonly string[] }
  /** Accepted as SPIRE accepts it, and without effect. */
  | { readonly kind: "ignored"; readonly takesValue: boolean }
  /** Half of the `host:port` that one of our flags takes; `other` is the other half where that is not given. */
  | { readonly kind: "host" | "port"; readonly of: string; readonly other?: string }
  /** Values with commas between them. */
  | { readonly kind: "list"; readonly name: string }
  | { readonly kind: "lower-case"; readonly name: string }
  /** Fills the template of the socket's path. */
  | { readonly kind: "instance" }
  | { readonly kind: "refused"; readonly instead: string };

type Spellings = Readonly<Record<string, Spelling>>;

const daemonLogs = "logs are JSON lines on standard error: redirect them";

const daemon: Spellings = {
  logLevel: { kind: "lower-case", name: "log-level" },
  logFile: { kind: "refused", instead: daemonLogs },
  logFormat: { kind: "refused", instead: daemonLogs },
  logSourceLocation: { kind: "ignored", takesValue: false },
  expandEnv: {
    kind: "refused",
    instead: "give single settings as COUNTERSIGN_… variables instead (docs/configuration.md)",
  },
};

const serverDaemon: Spellings = {
  ...daemon,
  bindAddress: { kind: "host", of: "bind", other: "8081" },
  serverPort: { kind: "port", of: "bind", other: "0.0.0.0" },
};

const agentDaemon: Spellings = {
  ...daemon,
  serverAddress: { kind: "host", of: "server", other: "8081" },
  serverPort: { kind: "port", of: "server" },
  trustBundle: "bundle",
  trustBundleUrl: "bundle-url",
  trustBundleFormat: { kind: "ignored", takesValue: true },
  allowUnauthenticatedVerifiers: {
    kind: "refused",
    instead: "set allow_unauthenticated_verifiers in the agent's settings",
  },
  rebootstrapMode: { kind: "refused", instead: "set rebootstrap in the agent's settings" },
  rebootstrapDelay: { kind: "refused", instead: "set rebootstrap_delay in the agent's settings" },
  disableWorkloadAPI: { kind: "refused", instead: "this agent always serves the Workload API" },
  disableSDSAPI: { kind: "ignored", takesValue: false },
};

const entryFields: Spellings = {
  x509SVIDTTL: "x509-ttl",
  jwtSVIDTTL: "jwt-ttl",
  entryExpiry: "expires-at",
  disableX509SVIDPrefetch: "disable-x509-prefetch",
  jwtSVIDIncludeJTI: "jwt-include-jti",
  data: "file",
};

const theArgument: Spelling = { kind: "argument" };
const healthcheck: Spellings = {
  shallow: { kind: "ignored", takesValue: false },
  verbose: { kind: "ignored", takesValue: false },
};

/**
 * Flags of SPIRE's CLIs that are called otherwise here, by command of ours. What is not listed is only written otherwise
 * (`-parentID` is `--parent-id`).
 */
export const spireSpellings: Readonly<Record<string, Spellings>> = {
  "server run": serverDaemon,
  "server validate": serverDaemon,
  "server healthcheck": healthcheck,
  "agent run": agentDaemon,
  "agent validate": agentDaemon,
  "agent healthcheck": healthcheck,
  "agent show": { spiffeID: theArgument },
  "agent ban": { spiffeID: theArgument },
  "agent evict": { spiffeID: theArgument },
  "entry create": entryFields,
  // SPIRE writes every field: what no flag names is reset.
  "entry update": { ...entryFields, entryID: { kind: "argument", with: ["--replace"] } },
  "entry delete": { entryID: theArgument },
  "bundle set": { path: "file" },
  "federation create": { data: "file" },
  "federation update": { data: "file" },
  "federation show": { trustDomain: theArgument },
  "federation delete": { id: theArgument },
  "federation refresh": { id: theArgument },
  "api fetch x509": { format: "output" },
  "api fetch jwt": { audience: { kind: "list", name: "audience" }, format: "output" },
};

/** On every command that has a `--socket`. */
export const commonSpellings: Spellings = { socketPath: "socket", instance: { kind: "instance" } };

export const socketTemplates = {
  server: "SPIRE_SERVER_PRIVATE_SOCKET_TEMPLATE",
  agent: "SPIRE_AGENT_PUBLIC_SOCKET_TEMPLATE",
} as const;

/** Groups that do something without a verb. */
export const defaultVerbs: Readonly<Record<string, string>> = { "api fetch": "x509" };
