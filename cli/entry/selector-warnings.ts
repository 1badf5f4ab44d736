import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import { type OutputFormat, plainJson, printable, type Terminal } from "../output.ts";

/** What the agent's unix attestor makes. */
const unixKinds = [
  ...["uid", "user", "gid", "group", "supplementary_gid", "supplementary_group", "path", "sha256"],
] as const;

const shown = 20;

/**
 * An entry with a `unix` selector that no agent of ours ever makes matches nobody. It is created all the same: other
 * agents may have attestors of their own.
 */
export function warnOfSelectors(entries: readonly Entry[], output: OutputFormat, terminal: Terminal): void {
  const strange = new Set<string>();
  for (const { selectors } of entries) {
    for (const { type, value } of selectors ?? [])
      if (type === "unix" && !isMade(value ?? "")) strange.add(`unix:${value}`);
  }
  for (const selector of [...strange].slice(0, shown)) {
    const warning = `no agent makes the selector ${selector}; of type unix there are ${unixKinds.join(", ")}`;
    terminal.err(output === "json" ? plainJson({ warning }) : `Warning: ${printable(warning)}`);
  }
}

function isMade(value: string): boolean {
  return unixKinds.some((kind) => value.startsWith(`${kind}:`) && value.length > kind.length + 1);
}
