import type { Entry__Output } from "../../proto/gen/spire/api/types/Entry.ts";
import { facts, life, type Terminal, time } from "../output.ts";
import { table } from "../table.ts";
import { idText, selectorText } from "../wire.ts";

/** One entry in full, as `entry show` and `entry create` print it. */
export function entryFacts(entry: Entry__Output): string {
  const optional: (readonly [string, string | readonly string[]])[] = [];
  if (entry.hint !== "") optional.push(["Hint", entry.hint]);
  if (entry.dns_names.length > 0) optional.push(["DNS names", entry.dns_names]);
  if (entry.federates_with.length > 0) optional.push(["Federates with", entry.federates_with]);
  if (entry.expires_at !== "0") optional.push(["Expires", time(entry.expires_at)]);
  if (entry.admin) optional.push(["Admin", "yes"]);
  if (entry.downstream) optional.push(["Downstream", "yes"]);
  if (entry.store_svid) optional.push(["Store SVID", "yes"]);
  return facts([
    ["Entry ID", entry.id],
    ["SPIFFE ID", idText(entry.spiffe_id)],
    ["Parent ID", idText(entry.parent_id)],
    ["Revision", entry.revision_number],
    ["X509-SVID TTL", life(entry.x509_svid_ttl)],
    ["JWT-SVID TTL", life(entry.jwt_svid_ttl)],
    ["Selectors", entry.selectors.map(selectorText)],
    ...optional,
  ]);
}

export function entryTable(terminal: Terminal, entries: readonly Entry__Output[]): string {
  const rows = entries.map((entry) => [
    entry.id,
    idText(entry.spiffe_id),
    idText(entry.parent_id),
    firstSelectors(entry.selectors.map(selectorText)),
  ]);
  return table(terminal, ["ENTRY ID", "SPIFFE ID", "PARENT ID", "SELECTORS"], rows);
}

const shownSelectors = 3;

/** An entry stays one line, however many selectors it has. */
function firstSelectors(selectors: readonly string[]): string {
  const more = selectors.length - shownSelectors;
  const shown = selectors.slice(0, shownSelectors).join(" ");
  return more > 0 ? `${shown} (and ${more} more)` : shown;
}
