import type { TrustDomain } from "../../../spiffe/index.ts";
import { commonErrors } from "../../../transport/errors/common.ts";
import type { EntryFilter } from "../../domain/entry-filter.ts";
import { entryIdProblems } from "../../domain/entry-ids.ts";

/** Throws ERR_MALFORMED_REQUEST for an id that no entry can have: a slip of the pen is not answered with "there is none". */
export function checkFilter(filter: EntryFilter, trustDomain: TrustDomain): void {
  const problems = entryIdProblems(filter, trustDomain).map(({ field, message }) => `filter.by_${field}: ${message}`);
  if (problems.length > 0) throw commonErrors.error("ERR_MALFORMED_REQUEST", problems.join("; "));
}
