/** docs/errors.md, docs/limits.md and docs/configuration.md, written from the tables in the code; `npm run docs` writes them, a test compares. */

import { workloadAttestationErrors } from "../../agent/attestation/workload/errors.ts";
import { agentSettings } from "../../agent/config/settings.ts";
import { agentErrors } from "../../agent/errors.ts";
import { agentLimits } from "../../agent/limits.ts";
import { workloadApiErrors } from "../../agent/workload-api/errors.ts";
import { certsErrorSpecs } from "../../certs/errors.ts";
import { certsLimits } from "../../certs/limits.ts";
import { cliErrorSpecs } from "../../cli/errors.ts";
import { filesSettings } from "../../cli/files/config/settings.ts";
import { filesLimits } from "../../cli/files/limits.ts";
import { environmentName, type SettingsTable } from "../../runtime/host/config/index.ts";
import { workloadErrorSpecs } from "../../sdk/errors.ts";
import { workloadLimits } from "../../sdk/limits.ts";
import { usageErrorSpecs } from "../../sdk/usage-error.ts";
import { serverSettings } from "../../server/config/settings.ts";
import { serverErrors } from "../../server/errors.ts";
import { issuanceLimits } from "../../server/issuance/limits.ts";
import { serverLimits } from "../../server/limits.ts";
import { spiffeErrorSpecs } from "../../spiffe/errors.ts";
import { spiffeLimits } from "../../spiffe/limits.ts";
import { commonErrors } from "../../transport/errors/common.ts";
import { transportErrors } from "../../transport/errors/transport.ts";
import { transportLimitTables } from "../../transport/limits.ts";

type Specs = Readonly<Record<string, { readonly status?: string; readonly meaning: string; readonly fix: string }>>;
type Limits = Readonly<Record<string, { readonly value: number; readonly reason: string }>>;

const errorTables: readonly (readonly [string, string, Specs])[] = [
  ["Any service", "Every gRPC service of ours can answer with these.", commonErrors.specs],
  ["Connections", "From the transport, on either side.", transportErrors.specs],
  ["Server", "From the server's API, its store and its authorities.", serverErrors.specs],
  ["Agent", "From the agent itself.", agentErrors.specs],
  ["Workload API", "From the agent to workloads.", { ...workloadApiErrors.specs, ...workloadAttestationErrors.specs }],
  ["SPIFFE values", "Identities, SVIDs and bundles that are not what they must be.", spiffeErrorSpecs],
  ["Certificates and keys", "DER, certificates, requests, keys and chains.", certsErrorSpecs],
  ["Command line", "From `countersign` itself.", cliErrorSpecs],
  ["Node SDK", "Thrown by `@countersign/workload`.", { ...workloadErrorSpecs, ...usageErrorSpecs }],
];

const limitTables: readonly (readonly [string, Limits])[] = [
  ["Connections and calls", transportLimitTables.general],
  ["Server: TCP listener", transportLimitTables.tcp],
  ["Server: admin socket", transportLimitTables.adminSocket],
  ["Agent: Workload API socket", transportLimitTables.workloadSocket],
  ["Server", serverLimits],
  ["Issuance", issuanceLimits],
  ["Agent", agentLimits],
  ["SPIFFE values", spiffeLimits],
  ["Certificates and keys", certsLimits],
  ["Files bridge", filesLimits],
  ["Node SDK", workloadLimits],
];

/** Page path → content. */
export function generatedPages(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/errors.md", errorsPage()],
    ["docs/limits.md", limitsPage()],
    ["docs/configuration.md", configurationPage()],
  ]);
}

function errorsPage(): string {
  const intro = `# Errors

Every refusal has a stable code. Over gRPC it travels as \`google.rpc.ErrorInfo\` (\`reason\` = the code, \`domain\` =
\`countersign\`, metadata \`fix\` and \`request_id\`) beside the status; the CLI prints it behind the message. Match on the
code, never on the text. This page is written from the tables in the code (\`npm run docs\`).`;
  const sections = errorTables.map(([title, about, specs]) => {
    const hasStatus = Object.values(specs).some((spec) => spec.status !== undefined);
    const rows = Object.entries(specs)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([code, { status, meaning, fix }]) => [
        `\`${code}\``,
        ...(hasStatus ? [status ?? ""] : []),
        cell(meaning),
        cell(fix),
      ]);
    return `## ${title}\n\n${about}\n\n${table(["code", ...(hasStatus ? ["status"] : []), "meaning", "fix"], rows)}`;
  });
  return `${[intro, ...sections].join("\n\n")}\n`;
}

function limitsPage(): string {
  const intro = `# Limits

Nothing is unbounded: each limit is named in one place in the code, with its reason. This page is written from there
(\`npm run docs\`). Names say the unit where it is not a count.`;
  const sections = limitTables.map(([title, limits]) => {
    const rows = Object.entries(limits).map(([name, { value, reason }]) => [
      `\`${name}\``,
      String(value),
      cell(reason),
    ]);
    return `## ${title}\n\n${table(["limit", "value", "reason"], rows)}`;
  });
  return `${[intro, ...sections].join("\n\n")}\n`;
}

function configurationPage(): string {
  const intro = `# Configuration

Both daemons read a YAML file (\`--config\`, or the variable \`…_CONFIG\`), then environment variables, then flags; later
ones win. A dotted name is a key inside a mapping. Durations carry their unit: \`90s\`, \`1h30m\`, \`7d\`. An unknown name
is an error, and every error of all sources is reported at once with its place; \`countersign server validate\` and
\`countersign agent validate\` report the same without starting anything. Settings marked ↻ are read again on SIGHUP.
The command line's \`COUNTERSIGN_SERVER_SOCKET\` and \`COUNTERSIGN_AGENT_SOCKET\` are the daemons' \`socket_path\` only where
nothing else sets it. The files bridge (\`countersign agent write-files\`, docs/files-bridge.md) is configured the same way.
This page is written from the tables in the code (\`npm run docs\`).`;
  const sections = (
    [
      ["Server", "COUNTERSIGN_SERVER_", serverSettings],
      ["Agent", "COUNTERSIGN_AGENT_", agentSettings],
      ["Files bridge", "COUNTERSIGN_WRITE_FILES_", filesSettings],
    ] as const
  ).map(([title, prefix, settings]) => `## ${title}\n\n${settingsTable(prefix, settings)}`);
  return `${[intro, ...sections].join("\n\n")}\n`;
}

function settingsTable(prefix: string, settings: SettingsTable): string {
  const rows = Object.entries(settings).map(([key, { initial, doc, reloads }]) => [
    `\`${key}\`${reloads ? " ↻" : ""}`,
    `\`${environmentName(prefix, key)}\``,
    initial === undefined ? "" : `\`${JSON.stringify(initial)}\``,
    cell(doc),
  ]);
  return table(["setting", "variable", "default", "meaning"], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
