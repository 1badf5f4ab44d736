import type { SpireSetting } from "./flatten.ts";
import type { Rule, Rules, Turn } from "./rules.ts";

export type Verdict = "kept" | "changed" | "left out" | "not supported" | "unknown";

export const notEnabled = "the plug-in is not enabled";

/** What became of one setting. */
export interface Outcome extends SpireSetting {
  readonly verdict: Verdict;
  /** Our setting, where there is one. */
  readonly to?: string;
  /** What is different, why, or what to do instead. */
  readonly why?: string;
}

type SettingValue = SpireSetting["value"];

export interface Converted {
  readonly settings: ReadonlyMap<string, SettingValue>;
  readonly outcomes: readonly Outcome[];
}

/** `known`: the names of our settings. Pure. */
export function convert(
  found: readonly SpireSetting[],
  section: "server" | "agent",
  rules: Rules,
  known: ReadonlySet<string>,
): Converted {
  const settings = new Map<string, SettingValue>();
  const disabled = found.filter(({ path, value }) => path.endsWith(".enabled") && String(value) === "false");
  const unused = disabled
    .map(({ path }) => path.slice(0, -"enabled".length))
    .filter((path) => path.startsWith("plugins."));
  const outcomes = found.map((setting): Outcome => {
    if (unused.some((prefix) => setting.path.startsWith(prefix)))
      return { ...setting, verdict: "left out", why: notEnabled };
    const written = targetOf(setting, section, rules, known);
    for (const [name, value] of written.sets) settings.set(name, value);
    return { ...setting, ...written.outcome };
  });
  return { settings, outcomes };
}

interface Written {
  readonly sets: readonly (readonly [string, SettingValue])[];
  readonly outcome: Pick<Outcome, "verdict" | "to" | "why">;
}

function targetOf(setting: SpireSetting, section: string, rules: Rules, known: ReadonlySet<string>): Written {
  const outside = pluginParts[/^plugins\.[^.]+\.[^.]+\.(\w+)$/.exec(setting.path)?.[1] ?? ""];
  if (outside !== undefined) return { sets: [], outcome: outside };
  const { rule: found, rest } = ruleFor(setting.path, rules);
  const rule = found === undefined ? undefined : chosen(found, setting.value);
  const block = blockRule(setting.path, rules);
  const name = setting.path.startsWith(`${section}.`) ? setting.path.slice(section.length + 1) : setting.path;
  if (rule === undefined || rule.kind === "unsupported" || rule.kind === "drop") {
    // What says that there is no such setting gives way to one that has come since.
    if (known.has(name)) return kept(name, setting.value, undefined, block);
  }
  if (rule === undefined) {
    const why = "neither SPIRE's documentation nor this program knows it: look for a misspelling";
    return { sets: [], outcome: { verdict: "unknown", why } };
  }
  switch (rule.kind) {
    case "unsupported":
      return { sets: [], outcome: { verdict: "not supported", why: rule.instead } };
    case "drop":
      return { sets: block, outcome: { verdict: "left out", why: rule.why } };
    case "set":
      return { sets: [[rule.to, rule.value]], outcome: { verdict: "changed", to: rule.to, why: rule.why } };
    case "to": {
      const to = rule.to.replace("*", rest);
      if (!known.has(to)) return missing(to);
      return kept(to, turned(setting.value, rule), rule.why, block, to !== name);
    }
  }
}

function chosen(rule: Rule, value: SettingValue): Exclude<Rule, { readonly kind: "choice" }> {
  if (rule.kind !== "choice") return rule;
  return chosen(rule.values.includes(String(value)) ? rule.among : rule.otherwise, value);
}

/** The exact rule, or the longest one that ends with `*`. */
function ruleFor(path: string, rules: Rules): { readonly rule: Rule | undefined; readonly rest: string } {
  const exact = rules[path];
  if (exact !== undefined) return { rule: exact, rest: "" };
  const parts = path.split(".");
  for (let length = parts.length; length > 0; length -= 1) {
    const rule = rules[`${parts.slice(0, length).join(".")}.*`];
    if (rule !== undefined) return { rule, rest: parts.slice(length).join(".") };
  }
  return { rule: undefined, rest: "" };
}

/** What the block around a setting stands for, e.g. that a plug-in is used at all. */
function blockRule(path: string, rules: Rules): Written["sets"] {
  const rule = rules[path.split(".").slice(0, -1).join(".")];
  return rule?.kind === "set" ? [[rule.to, rule.value]] : [];
}

function kept(
  to: string,
  value: SettingValue,
  why: string | undefined,
  block: Written["sets"],
  isRenamed = false,
): Written {
  // SPIRE takes an empty text or list for one that is not there; our daemons refuse it.
  if (value === "" || (Array.isArray(value) && value.length === 0))
    return { sets: block, outcome: { verdict: "left out", why: "empty" } };
  const text = typeof value === "string" ? value : "";
  const variable = /\$\{?\w+/.test(text) ? "the variable in it is not filled in: write its value" : undefined;
  const reasons = [why, variable].filter((reason) => reason !== undefined).join("; ");
  const renamed = isRenamed ? { to } : {};
  const verdict = reasons === "" && !isRenamed ? "kept" : "changed";
  return {
    sets: [...block, [to, value]],
    outcome: { verdict, ...renamed, ...(reasons === "" ? {} : { why: reasons }) },
  };
}

function missing(to: string): Written {
  return {
    sets: [],
    outcome: { verdict: "not supported", why: `this release has no ${to}; see docs/configuration.md` },
  };
}

/** What a plug-in's block has beside `plugin_data`. */
const pluginParts: Readonly<Record<string, Written["outcome"] | undefined>> = {
  enabled: { verdict: "left out", why: "a plug-in that is named is used" },
  plugin_data_file: {
    verdict: "not supported",
    why: "write what is in that file under plugin_data, and convert again",
  },
  plugin_cmd: { verdict: "not supported", why: "external plug-ins are not run" },
  plugin_args: { verdict: "not supported", why: "external plug-ins are not run" },
  plugin_checksum: { verdict: "not supported", why: "external plug-ins are not run" },
};

function turned(value: SettingValue, { turn }: { readonly turn?: Turn }): SettingValue {
  switch (turn) {
    case "first":
      return Array.isArray(value) ? String(value[0] ?? "") : value;
    case "number":
      return typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
    case "log-level":
      return logLevels[String(value).toLowerCase()] ?? String(value).toLowerCase();
    default:
      return value;
  }
}

const logLevels: Readonly<Record<string, string>> = { trace: "debug", warning: "warn", fatal: "error", panic: "error" };
