import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import type { EntryMask } from "../../proto/gen/spire/api/types/EntryMask.ts";
import type { CommonOptions } from "../options.ts";
import { selectorFlag, spiffeIdFlag } from "../wire.ts";

export interface EntryOptions extends CommonOptions {
  readonly parentId?: string;
  readonly spiffeId?: string;
  readonly selector: readonly string[];
  readonly x509Ttl?: number;
  readonly jwtTtl?: number;
  readonly dns: readonly string[];
  readonly hint?: string;
  readonly federatesWith: readonly string[];
  readonly expiresAt?: number;
  readonly admin?: boolean;
  readonly downstream?: boolean;
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
  set("parent_id", options.parentId === undefined ? undefined : spiffeIdFlag("--parent-id", options.parentId));
  set("spiffe_id", options.spiffeId === undefined ? undefined : spiffeIdFlag("--spiffe-id", options.spiffeId));
  const selectors = options.selector.map((text) => selectorFlag("--selector", text));
  set("selectors", selectors.length === 0 ? undefined : selectors);
  set("x509_svid_ttl", options.x509Ttl);
  set("jwt_svid_ttl", options.jwtTtl);
  set("dns_names", options.dns.length === 0 ? undefined : [...options.dns]);
  set("hint", options.hint);
  set("federates_with", options.federatesWith.length === 0 ? undefined : [...options.federatesWith]);
  set("expires_at", options.expiresAt === undefined ? undefined : String(options.expiresAt));
  set("admin", options.admin);
  set("downstream", options.downstream);
  return { fields, mask };
}
