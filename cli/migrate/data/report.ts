import { printable } from "../../output.ts";
import type { CopyReport } from "./copy.ts";
import type { Copied } from "./federation.ts";

/** For programs: names as on the wire. */
export function reportJson({ trustDomain, bundles, relationships, entries, parents }: CopyReport): object {
  const remarks = (list: CopyReport["entries"]["left"]) =>
    list.map(({ id, spiffeId, reason }) => ({ id, spiffe_id: spiffeId, reason }));
  const copied = ({ refused, ...rest }: Copied) => ({
    ...rest,
    refused: refused.map(({ trustDomain: trust_domain, reason }) => ({ trust_domain, reason })),
  });
  return {
    trust_domain: trustDomain,
    federated_bundles: copied(bundles),
    federation_relationships: copied(relationships),
    entries: {
      created: entries.created,
      updated: entries.updated,
      unchanged: entries.unchanged,
      only_here: entries.onlyHere,
      left_out: remarks(entries.left),
      refused: remarks(entries.refused),
    },
    agents: {
      known: [...parents].map(([old, now]) => ({ old, new: now })),
      waiting: entries.waiting,
    },
  };
}

export function reportText(report: CopyReport, isDry: boolean): string {
  const { bundles, relationships, entries, parents } = report;
  return [
    isDry ? "would be copied (nothing was changed):" : "copied:",
    line("federated bundles", bundles),
    line("federation relationships", relationships),
    line("entries", entries),
    ...entries.updated.map(({ id, changes }) => `  changed ${id}: ${changes.map(({ field }) => field).join(", ")}`),
    ...entries.left.map(({ id, spiffeId, reason }) => `  left out ${id} ${spiffeId}: ${reason}`),
    ...[...bundles.refused, ...relationships.refused].map((one) => `  REFUSED ${one.trustDomain}: ${one.reason}`),
    ...entries.refused.map(({ id, spiffeId, reason }) => `  REFUSED ${id} ${spiffeId}: ${reason}`),
    ...[...parents].map(([old, now]) => `agent ${old} is ${now} here`),
    ...entries.waiting.map(({ agent, aliases, entries: count }) => {
      const by = aliases.length === 0 ? "needs --map" : `known as ${aliases.join(", ")}`;
      return `agent ${agent} is not here yet: ${count} ${count === 1 ? "entry waits" : "entries wait"} for it; ${by}`;
    }),
    ...(entries.onlyHere === 0 ? [] : [`only here, not at SPIRE's: ${entries.onlyHere}; they stay`]),
  ]
    .map(printable)
    .join("\n");
}

function line(what: string, { created, updated, unchanged, refused }: Copied | CopyReport["entries"]): string {
  return `  ${what}: ${created.length} new, ${updated.length} changed, ${unchanged} as they were, ${refused.length} refused`;
}
