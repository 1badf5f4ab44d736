import { agentSettings } from "../../agent/index.ts";
import { serverSettings } from "../../server/index.ts";
import { readTextFile } from "../bounded-text.ts";
import type { CommandContext } from "../context.ts";
import { inputError } from "../exit-codes.ts";
import type { CommonOptions } from "../options.ts";
import { plainJson, printable } from "../output.ts";
import { table } from "../table.ts";
import { plainYaml } from "../yaml.ts";
import { agentRules } from "./agent-rules.ts";
import { type Converted, convert, notEnabled, type Outcome } from "./convert.ts";
import { settingsOf } from "./flatten.ts";
import { type HclObject, parseHcl } from "./hcl.ts";
import { serverRules } from "./server-rules.ts";

export type MigrateOptions = Pick<CommonOptions, "output">;

const programs = {
  server: { rules: serverRules, known: new Set<string>(Object.keys(serverSettings)) },
  agent: { rules: agentRules, known: new Set<string>(Object.keys(agentSettings)) },
} as const;

/** Prints our settings in YAML on standard output, and what became of each of SPIRE's on standard error. */
export async function migrateConfig(file: string, { output }: MigrateOptions, context: CommandContext): Promise<void> {
  const { terminal } = context;
  const text = file === "-" ? await context.readStdin() : await read(file);
  const { program, converted } = convertText(text);
  const yaml = yamlOf(converted);
  if (output === "json") {
    terminal.out(plainJson({ program, yaml, settings: converted.outcomes }));
    return;
  }
  terminal.out(yaml.trimEnd());
  terminal.err(reportOf(converted.outcomes, context));
}

/** @throws CommandError ERR_CONFIG when it is not a configuration of SPIRE's */
export function convertText(text: string): { readonly program: "server" | "agent"; readonly converted: Converted } {
  const hcl = parseHcl(text);
  const program = programOf(hcl);
  const { rules, known } = programs[program];
  const converted = withDataDir(convert(settingsOf(hcl), program, rules, known), program);
  return { program, converted: program === "server" ? withoutTokens(converted) : converted };
}

/** SPIRE's data lies in the working folder where the file does not say; ours has no such default. */
function withDataDir({ settings, outcomes }: Converted, program: "server" | "agent"): Converted {
  const rule = programs[program].rules[`${program}.data_dir`];
  if (settings.has("data_dir") || rule?.kind !== "set") return { settings, outcomes };
  const why = `it is not in the file: ${rule.why}`;
  const outcome = { path: `${program}.data_dir`, value: ".", line: 0, verdict: "changed", to: rule.to, why } as const;
  return { settings: new Map([...settings, [rule.to, rule.value]]), outcomes: [...outcomes, outcome] };
}

/** SPIRE accepts join tokens only when the plug-in is named; ours unless they are switched off. */
function withoutTokens({ settings, outcomes }: Converted): Converted {
  const path = "plugins.NodeAttestor.join_token";
  const to = "node_attestors.join_token.enabled";
  const named = outcomes.filter((one) => `${one.path}.`.startsWith(`${path}.`));
  if (named.some(({ why }) => why !== notEnabled) || !outcomes.some((one) => one.path.startsWith("plugins.")))
    return { settings, outcomes };
  const hasOthers = [...settings.keys()].some((name) => name.startsWith("node_attestors."));
  if (!hasOthers && named.length === 0) {
    const only =
      "no way to attest of this file is here: join tokens are the only one, for whom an administrator makes one";
    return { settings, outcomes: [...outcomes, { path, value: true, line: 0, verdict: "changed", to, why: only }] };
  }
  const why = "it is not in the file: join tokens stay refused";
  return {
    settings: new Map([...settings, [to, false]]),
    outcomes: [...outcomes, { path, value: false, line: 0, verdict: "changed", to, why }],
  };
}

export function yamlOf({ settings, outcomes }: Converted): string {
  const lost = outcomes.filter(({ verdict }) => verdict === "not supported" || verdict === "unknown");
  const notes = lost.map(({ path, verdict, why = "" }) => `# ${verdict}: ${printable(path)}: ${why}\n`).join("");
  // A dotted name is a key inside a mapping.
  const tree: Record<string, unknown> = {};
  for (const [name, value] of settings) {
    const parts = name.split(".");
    let at = tree;
    for (const part of parts.slice(0, -1)) {
      const inner: Record<string, unknown> = {};
      const found = Object.entries(at).find(([key]) => key === part)?.[1];
      at[part] = isTree(found) ? found : inner;
      at = isTree(found) ? found : inner;
    }
    at[parts.at(-1) ?? name] = value;
  }
  return `${notes}${plainYaml(tree)}\n`;
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function read(file: string): Promise<string> {
  try {
    return await readTextFile(file);
  } catch (error) {
    throw inputError("ERR_CONFIG", `${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function programOf({ items }: HclObject): "server" | "agent" {
  const found = (["server", "agent"] as const).filter((name) => items.some(({ key }) => key === name));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw inputError(
    "ERR_CONFIG",
    `it has ${found.length === 0 ? "no" : "both a"} server ${found.length === 0 ? "and no" : "and an"} agent section`,
  );
}

function reportOf(outcomes: readonly Outcome[], { terminal }: CommandContext): string {
  const rows = outcomes.map(({ line, path, verdict, to, why = "" }) => [
    ...[line === 0 ? "" : String(line), path, verdict],
    [to === undefined ? "" : `now ${to}`, why].filter((part) => part !== "").join(": "),
  ]);
  return table(terminal, ["LINE", "SETTING", "VERDICT", "WHAT IT IS NOW, OR WHAT TO DO"], rows);
}
