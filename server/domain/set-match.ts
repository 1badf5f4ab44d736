/**
 * How a stored set must relate to the given one. exact: the same. subset: something is stored, and all of it is given.
 * superset: every given value is stored. any: at least one in common.
 */
export const setMatches = ["exact", "subset", "superset", "any"] as const;
export type SetMatch = (typeof setMatches)[number];

/** `stored` has no duplicates; `given` may have, and their order plays no part. */
export function matchesSet(stored: readonly string[], given: ReadonlySet<string>, match: SetMatch): boolean {
  let common = 0;
  for (const value of stored) if (given.has(value)) common += 1;
  switch (match) {
    case "exact":
      return common === stored.length && common === given.size;
    case "subset":
      // As SPIRE: what has nothing stored is not what somebody looks for who names values.
      return common === stored.length && common > 0;
    case "superset":
      return common === given.size;
    case "any":
      return common > 0;
  }
}
