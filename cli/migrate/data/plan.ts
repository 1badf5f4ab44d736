import type { Entry__Output } from "../../../proto/gen/spire/api/types/Entry.ts";
import { documentOf, identityOf } from "../../entry/declared/document.ts";
import { type Change, changesBetween } from "../../entry/declared/plan.ts";
import { idText } from "../../wire.ts";
import { isTokenAlias, type ParentMap, tokenAgentsOf, withParents } from "./parents.ts";

export interface EntriesPlan {
  readonly create: readonly Entry__Output[];
  readonly update: readonly { readonly entry: Entry__Output; readonly changes: readonly Change[] }[];
  readonly unchanged: number;
  /** Left out on purpose. */
  readonly left: readonly Remark[];
  /** Entries that cannot be what they are there. */
  readonly refused: readonly Remark[];
  /** Agents there whose id here is not known yet, and how many entries name them. */
  readonly waiting: readonly Waiting[];
  /** Entries here that SPIRE does not have. */
  readonly onlyHere: number;
}

export interface Remark {
  readonly id: string;
  readonly spiffeId: string;
  readonly reason: string;
}

export interface Waiting {
  readonly agent: string;
  /** By which it will be recognised. */
  readonly aliases: readonly string[];
  readonly entries: number;
}

export interface EntriesFacts {
  readonly theirs: readonly Entry__Output[];
  readonly ours: readonly Entry__Output[];
  readonly ourAgents: ReadonlySet<string>;
  readonly parents: ParentMap;
  /** Unix seconds. */
  readonly now: number;
}

/** What to do so that our server has SPIRE's entries under their ids. Nothing of ours is deleted. Pure. */
export function entriesPlan({ theirs, ours, ourAgents, parents, now }: EntriesFacts): EntriesPlan {
  const here = new Map(ours.map((entry) => [entry.id, entry]));
  const identities = new Map(ours.map((entry) => [identityOf(documentOf(entry)), entry.id]));
  const create: Entry__Output[] = [];
  const update: EntriesPlan["update"][number][] = [];
  const left: Remark[] = [];
  const refused: Remark[] = [];
  const waiting = new Map<string, number>();
  let unchanged = 0;
  for (const source of theirs) {
    const reason = whyLeft(source, now);
    if (reason !== undefined) {
      left.push(remark(source, reason));
      continue;
    }
    const stored = here.get(source.id);
    const unknown = tokenAgentsOf(source).filter((id) => !parents.has(id) && !ourAgents.has(id));
    const entry = asItWasMapped(withParents(source, parents), unknown, stored);
    for (const agent of tokenAgentsOf(entry).filter((id) => unknown.includes(id)))
      waiting.set(agent, (waiting.get(agent) ?? 0) + 1);
    const twin = identities.get(identityOf(documentOf(entry)));
    if (twin !== undefined && twin !== source.id) refused.push(remark(source, `it is here already as ${twin}`));
    else if (stored === undefined) create.push(entry);
    else {
      const changes = changesBetween(documentOf(stored), documentOf(entry));
      if (changes.length === 0) unchanged += 1;
      else update.push({ entry, changes });
    }
  }
  const known = new Set(theirs.map(({ id }) => id));
  return {
    ...{ create, update, unchanged, left, refused },
    waiting: [...waiting].map(([agent, entries]) => ({ agent, aliases: aliasesOf(agent, theirs), entries })),
    onlyHere: ours.filter((entry) => !known.has(entry.id)).length,
  };
}

function whyLeft(entry: Entry__Output, now: number): string | undefined {
  if (isTokenAlias(entry))
    return "it belongs to a join token of SPIRE's; a token made here with the same --spiffe-id makes its own";
  const expiresAt = Number(entry.expires_at);
  return expiresAt !== 0 && expiresAt <= now ? "it has expired" : undefined;
}

/** An earlier run may have known what its agent is called here: that is not taken back. */
function asItWasMapped(
  entry: Entry__Output,
  unknown: readonly string[],
  stored: Entry__Output | undefined,
): Entry__Output {
  if (stored === undefined || unknown.length === 0) return entry;
  const names = (selectors: Entry__Output["selectors"]): boolean =>
    selectors.some(({ type, value }) => type === "spiffe_id" && unknown.includes(value));
  return {
    ...entry,
    ...(unknown.includes(idText(entry.parent_id)) ? { parent_id: stored.parent_id } : {}),
    ...(names(entry.selectors) ? { selectors: stored.selectors } : {}),
  };
}

function aliasesOf(agent: string, theirs: readonly Entry__Output[]): readonly string[] {
  return theirs
    .filter((entry) => isTokenAlias(entry) && idText(entry.parent_id) === agent)
    .map(({ spiffe_id }) => idText(spiffe_id));
}

export function remark(entry: Entry__Output, reason: string): Remark {
  return { id: entry.id, spiffeId: idText(entry.spiffe_id), reason };
}
