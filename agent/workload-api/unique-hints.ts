interface Hinted {
  readonly hint: string;
}

/**
 * WAPI-29, WAPI-53: a hint names one SVID of a response. The first keeps its place, later ones with the same hint are
 * left out (as SPIRE does it: oldest entry wins); empty hints do not collide.
 */
export function withUniqueHints<Item extends Hinted>(items: readonly Item[]): readonly Item[] {
  const seen = new Set<string>();
  return items.filter(({ hint }) => {
    if (hint === "") return true;
    if (seen.has(hint)) return false;
    seen.add(hint);
    return true;
  });
}
