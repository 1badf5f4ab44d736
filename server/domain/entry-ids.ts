import type { SpiffeId, TrustDomain } from "../../spiffe/index.ts";

export interface EntryProblem {
  /** As on the wire, e.g. `spiffe_id`. */
  readonly field: string;
  /** Lower case, no full stop; safe to send back. */
  readonly message: string;
}

/** What keeps these from being an entry's: nothing when the list is empty. What is absent is not judged. */
export function entryIdProblems(
  { spiffeId, parentId }: { readonly spiffeId?: SpiffeId | undefined; readonly parentId?: SpiffeId | undefined },
  trustDomain: TrustDomain,
): readonly EntryProblem[] {
  const problems: EntryProblem[] = [];
  for (const [field, id] of [["spiffe_id", spiffeId] as const, ["parent_id", parentId] as const]) {
    if (id === undefined) continue;
    if (!id.isMemberOf(trustDomain)) problems.push({ field, message: `not in the trust domain ${trustDomain}` });
    if (id.path === "") problems.push({ field, message: "has no path" });
  }
  if (spiffeId !== undefined && (spiffeId.path === "/spire" || spiffeId.path.startsWith("/spire/"))) {
    problems.push({ field: "spiffe_id", message: "paths at and below /spire are reserved" });
  }
  return problems;
}
