import type { AdditionalAttributes } from "../../proto/domain/entry.ts";
import { Selector, SpiffeError, SpiffeId, sortSelectors, TrustDomain } from "../../spiffe/index.ts";
import { serverLimits } from "../limits.ts";
import type { NewEntry } from "../store/ports.ts";
import { dnsNameProblem } from "./dns-name.ts";
import { type EntryProblem, entryIdProblems } from "./entry-ids.ts";

/** An entry as a caller writes it (wire shape, our names). */
export interface EntryDraft {
  /** "" = choose one. */
  readonly id: string;
  readonly spiffeId: IdDraft | undefined;
  readonly parentId: IdDraft | undefined;
  readonly selectors: readonly { readonly type: string; readonly value: string }[];
  readonly x509SvidTtl: number;
  readonly jwtSvidTtl: number;
  /** Names or `spiffe://name`. */
  readonly federatesWith: readonly string[];
  readonly admin: boolean;
  readonly downstream: boolean;
  readonly expiresAt: number;
  readonly dnsNames: readonly string[];
  readonly storeSvid: boolean;
  readonly hint: string;
  readonly additionalAttributes: AdditionalAttributes | undefined;
}

interface IdDraft {
  /** Name, or `spiffe://name`. */
  readonly trustDomain: string;
  /** "" or "/…". */
  readonly path: string;
}

export type ParsedEntry =
  | { readonly kind: "valid"; readonly entry: NewEntry }
  | { readonly kind: "invalid"; readonly problems: readonly EntryProblem[] };

/**
 * Draft → domain value, normalised: selectors and trust domains sorted and unique; DNS names unique in the order given
 * (the first becomes the CN) and spelled as given, since controllers compare what they read with what they wrote.
 * All problems are reported, not only the first. The bound on additional attributes (65,535 bytes in SPIRE) cannot be
 * reached by the two that exist.
 */
export function parseEntry(
  draft: EntryDraft,
  context: { readonly trustDomain: TrustDomain; readonly newId: () => string },
): ParsedEntry {
  const problems: EntryProblem[] = [];
  const spiffeId = parseId("spiffe_id", draft.spiffeId, problems);
  const parentId = parseId("parent_id", draft.parentId, problems);
  const selectors = parseEach("selectors", draft.selectors, ({ type, value }) => Selector.of(type, value), problems);
  const domains = parseEach("federates_with", draft.federatesWith, TrustDomain.parseNameOrId, problems);
  const rest = {
    id: draft.id === "" ? context.newId() : draft.id,
    selectors: sortSelectors(selectors),
    x509SvidTtl: draft.x509SvidTtl,
    jwtSvidTtl: draft.jwtSvidTtl,
    federatesWith: sortTrustDomains(domains),
    admin: draft.admin,
    downstream: draft.downstream,
    expiresAt: draft.expiresAt,
    dnsNames: [...new Set(draft.dnsNames)],
    storeSvid: draft.storeSvid,
    hint: draft.hint,
    additionalAttributes: draft.additionalAttributes,
  };
  const hasSelectors = draft.selectors.length > 0;
  problems.push(...entryIdProblems({ spiffeId, parentId }, context.trustDomain), ...checkRest(rest, hasSelectors));
  if (problems.length > 0 || spiffeId === undefined || parentId === undefined) return { kind: "invalid", problems };
  return { kind: "valid", entry: { ...rest, spiffeId, parentId } };
}

/** `spiffe_id: …; dns_names: …` for the message of ERR_ENTRY_INVALID. */
export function describeProblems(problems: readonly EntryProblem[]): string {
  return problems.map(({ field, message }) => `${field}: ${message}`).join("; ");
}

function sortTrustDomains(domains: readonly TrustDomain[]): readonly TrustDomain[] {
  const unique = new Map(domains.map((domain) => [domain.name, domain]));
  return [...unique.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
}

function parseId(field: string, draft: IdDraft | undefined, problems: EntryProblem[]): SpiffeId | undefined {
  if (draft === undefined) {
    problems.push({ field, message: "missing" });
    return undefined;
  }
  const [id] = parseEach(
    field,
    [draft],
    (id) => SpiffeId.of(TrustDomain.parseNameOrId(id.trustDomain), id.path),
    problems,
  );
  return id;
}

function parseEach<From, To>(
  field: string,
  values: readonly From[],
  parse: (value: From) => To,
  problems: EntryProblem[],
): readonly To[] {
  return values.flatMap((value, index) => {
    try {
      return [parse(value)];
    } catch (error) {
      if (!(error instanceof SpiffeError)) throw error;
      const where = values.length > 1 ? `${field}[${index}]` : field;
      problems.push({ field: where, message: error.message });
      return [];
    }
  });
}

type Rest = Omit<NewEntry, "spiffeId" | "parentId">;

function checkRest(entry: Rest, hasSelectors: boolean): readonly EntryProblem[] {
  const problems: EntryProblem[] = [];
  const check = (holds: boolean, field: string, message: string): void => {
    if (!holds) problems.push({ field, message });
  };
  const limits = serverLimits;
  check(/^[A-Za-z0-9._-]+$/.test(entry.id), "id", "has characters other than letters, digits and . _ -");
  check(
    entry.id.length <= limits.entryIdCharacters.value,
    "id",
    `longer than ${limits.entryIdCharacters.value} characters`,
  );
  check(hasSelectors, "selectors", "at least one is needed");
  checkCount("selectors", entry.selectors, limits.entrySelectors.value);
  checkCount("dns_names", entry.dnsNames, limits.entryDnsNames.value);
  checkCount("federates_with", entry.federatesWith, limits.entryFederatesWith.value);
  for (const name of entry.dnsNames) {
    const problem = dnsNameProblem(name);
    check(problem === undefined, "dns_names", `${describeName(name)}: ${problem}`);
  }
  check(
    Buffer.byteLength(entry.hint) <= limits.entryHintBytes.value,
    "hint",
    `longer than ${limits.entryHintBytes.value} bytes`,
  );
  check(entry.hint.isWellFormed() && !entry.hint.includes("\0"), "hint", "has a NUL character or invalid Unicode");
  checkTtl("x509_svid_ttl", entry.x509SvidTtl);
  checkTtl("jwt_svid_ttl", entry.jwtSvidTtl);
  check(
    Number.isSafeInteger(entry.expiresAt) && entry.expiresAt >= 0,
    "expires_at",
    "not a time in seconds, or negative",
  );
  if (entry.storeSvid) {
    const types = new Set(entry.selectors.map(({ type }) => type));
    check(types.size <= 1, "store_svid", "all selectors must be of one type");
    const prefetches = entry.additionalAttributes?.disableX509SvidPrefetch !== true;
    check(prefetches, "store_svid", "cannot be combined with disable_x509_svid_prefetch");
  }
  return problems;

  function checkCount(field: string, list: readonly unknown[], most: number): void {
    check(list.length <= most, field, `more than ${most}`);
  }
  function checkTtl(field: string, ttl: number): void {
    check(Number.isInteger(ttl) && ttl >= 0 && ttl <= limits.entryTtlSeconds.value, field, "negative or too large");
  }
}

/** A hostile name must not fill a log or an answer. */
function describeName(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}
