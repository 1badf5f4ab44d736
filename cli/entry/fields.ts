import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import type { EntryMask } from "../../proto/gen/spire/api/types/EntryMask.ts";
import { inputError } from "../exit-codes.ts";
import type { ServerOptions } from "../options.ts";
import { selectorFlag, spiffeIdFlag } from "../wire.ts";

/** Flags that are not given are absent; a list that is given as empty is there, and empty. */
export interface EntryOptions extends ServerOptions {
  readonly parentId?: string;
  readonly spiffeId?: string;
  readonly selector?: readonly string[];
  readonly x509Ttl?: number;
  readonly jwtTtl?: number;
  readonly dns?: readonly string[];
  readonly hint?: string;
  readonly federatesWith?: readonly string[];
  readonly expiresAt?: number;
  readonly admin?: boolean;
  readonly downstream?: boolean;
  readonly storeSvid?: boolean;
  readonly disableX509Prefetch?: boolean;
  readonly jwtIncludeJti?: boolean;
}

export interface WaitOptions {
  readonly wait?: boolean;
  /** Seconds. */
  readonly timeout: number;
}

/** The fields that flags name, and the mask that writes just those. */
export function fieldsOf(options: EntryOptions): { readonly fields: Entry; readonly mask: EntryMask } {
  const fields: Entry = {};
  const mask: EntryMask = {};
  const set = <Key extends keyof Entry & keyof EntryMask>(key: Key, value: Entry[Key] | undefined): void => {
    if (value === undefined) return;
    fields[key] = value;
    mask[key] = true;
  };
  const { parentId, spiffeId, dns, federatesWith, expiresAt } = options;
  set("parent_id", parentId === undefined ? undefined : spiffeIdFlag("--parent-id", parentId));
  set("spiffe_id", spiffeId === undefined ? undefined : spiffeIdFlag("--spiffe-id", spiffeId));
  set(
    "selectors",
    options.selector?.map((text) => selectorFlag("--selector", text)),
  );
  set("x509_svid_ttl", options.x509Ttl);
  set("jwt_svid_ttl", options.jwtTtl);
  set("dns_names", dns === undefined ? undefined : [...dns]);
  set("hint", options.hint);
  set("federates_with", federatesWith === undefined ? undefined : [...federatesWith]);
  set("expires_at", expiresAt === undefined ? undefined : String(expiresAt));
  set("admin", options.admin);
  set("downstream", options.downstream);
  set("store_svid", options.storeSvid);
  set("additional_attributes", attributesOf(options, undefined));
  return { fields, mask };
}

type Attributes = Entry["additional_attributes"];

/** Both attributes are one field on the wire: the one that no flag names stays as in `existing`. */
export function attributesOf(options: EntryOptions, existing: Attributes): NonNullable<Attributes> | undefined {
  const { disableX509Prefetch, jwtIncludeJti } = options;
  if (disableX509Prefetch === undefined && jwtIncludeJti === undefined) return undefined;
  return {
    disable_x509_svid_prefetch: disableX509Prefetch ?? existing?.disable_x509_svid_prefetch ?? false,
    jwt_svid_include_jti: jwtIncludeJti ?? existing?.jwt_svid_include_jti ?? false,
  };
}

/** With a file nothing else says what an entry is: flags beside it would be ignored. */
export function refuseBesideFile(given: readonly (readonly [string, boolean])[]): void {
  const names = given.flatMap(([name, isGiven]) => (isGiven ? [name] : []));
  if (names.length > 0) throw inputError("ERR_USAGE", `--file cannot be combined with ${names.join(", ")}`);
}

/** The flags that name fields, as they are written. */
export function fieldFlags(options: EntryOptions): readonly (readonly [string, boolean])[] {
  const { admin, downstream } = options;
  return [
    ["--parent-id", options.parentId !== undefined],
    ["--spiffe-id", options.spiffeId !== undefined],
    ["--selector", options.selector !== undefined],
    ["--x509-ttl", options.x509Ttl !== undefined],
    ["--jwt-ttl", options.jwtTtl !== undefined],
    ["--dns", options.dns !== undefined],
    ["--hint", options.hint !== undefined],
    ["--federates-with", options.federatesWith !== undefined],
    ["--expires-at", options.expiresAt !== undefined],
    [admin === false ? "--no-admin" : "--admin", admin !== undefined],
    [downstream === false ? "--no-downstream" : "--downstream", downstream !== undefined],
    ["--store-svid", options.storeSvid !== undefined],
    ["--disable-x509-prefetch", options.disableX509Prefetch !== undefined],
    ["--jwt-include-jti", options.jwtIncludeJti !== undefined],
  ];
}

/** What every entry must have. */
export function requireIdentity(fields: Entry, hint: string): void {
  const missing = [
    fields.parent_id == null ? "--parent-id" : "",
    fields.spiffe_id == null ? "--spiffe-id" : "",
    (fields.selectors ?? []).length === 0 ? "--selector" : "",
  ].filter((flag) => flag !== "");
  if (missing.length > 0) throw inputError("ERR_USAGE", `missing ${missing.join(", ")}`, hint);
}
