/** What becomes of one of SPIRE's settings. Settings that have the same name here are kept without a rule. */
export type Rule =
  /** Kept under our name; `turn` rewrites the value. `why` says what is different. */
  | { readonly kind: "to"; readonly to: string; readonly turn?: Turn; readonly why?: string }
  /** Kept as one value whatever it was. */
  | { readonly kind: "set"; readonly to: string; readonly value: string | number | boolean; readonly why: string }
  /** Nothing is lost without it. */
  | { readonly kind: "drop"; readonly why: string }
  | { readonly kind: "unsupported"; readonly instead: string }
  /** One or the other, by whether the value is one of these. */
  | { readonly kind: "choice"; readonly values: readonly string[]; readonly among: Rule; readonly otherwise: Rule };

export type Turn = "first" | "log-level" | "number";

/** By path; `*` stands for one label or more at the end of a path. */
export type Rules = Readonly<Record<string, Rule>>;

export const to = (target: string, why?: string, turn?: Turn): Rule => ({
  ...{ kind: "to", to: target },
  ...(why === undefined ? {} : { why }),
  ...(turn === undefined ? {} : { turn }),
});
export const set = (target: string, value: string | number | boolean, why: string): Rule => ({
  ...{ kind: "set", to: target, value, why },
});
export const drop = (why: string): Rule => ({ kind: "drop", why });
export const unsupported = (instead: string): Rule => ({ kind: "unsupported", instead });
export const choice = (values: readonly string[], among: Rule, otherwise: Rule): Rule => ({
  ...{ kind: "choice", values, among, otherwise },
});

const beside = "one of its own: both programs may run beside each other, nothing of SPIRE's is read or replaced";
/** Never SPIRE's folder or socket, whatever the file says. */
export const ours = (target: string, path: string): Rule => set(target, path, `${path}, ${beside}`);

const logs = "logs are JSON lines on standard error; the service manager or a redirection decides where they go";

/** Of both programs; `section` is the name of the main block. */
export function commonRules(section: "server" | "agent"): Rules {
  const metrics =
    'metrics are served for Prometheus at health_checks.metrics_path: set "health_checks.listener_enabled"';
  return {
    [`${section}.log_level`]: to("log_level", undefined, "log-level"),
    [`${section}.log_file`]: unsupported(logs),
    [`${section}.log_format`]: drop(logs),
    [`${section}.log_source_location`]: drop("log lines name what happened, not the line of code"),
    [`${section}.profiling_enabled`]: drop("Node's own --cpu-prof and --heap-prof do this"),
    [`${section}.profiling_port`]: drop("Node's own --cpu-prof and --heap-prof do this"),
    [`${section}.profiling_freq`]: drop("Node's own --cpu-prof and --heap-prof do this"),
    [`${section}.profiling_names`]: drop("Node's own --cpu-prof and --heap-prof do this"),
    [`${section}.experimental.feature_flags`]: drop("there are no feature flags"),
    [`${section}.experimental.require_pq_kem`]: unsupported(
      "TLS 1.3 is used throughout; the key exchange is OpenSSL's choice",
    ),
    [`${section}.experimental.named_pipe_name`]: drop("only on Windows"),
    "health_checks.bind_port": to("health_checks.bind_port", undefined, "number"),
    "telemetry.Prometheus.*": unsupported(metrics),
    "telemetry.*": unsupported(metrics),
    "plugins.*": unsupported("this plug-in is not built in; external plug-ins are not run"),
  };
}
