import type { AuthorityRecord } from "../domain/authority.ts";
import { propagation, type Turns, turnsOf } from "./schedule.ts";

/** What is known about the authorities of one kind. */
export interface AuthorityView {
  readonly serverId: string;
  /** Of all servers, in the store's order. */
  readonly records: readonly AuthorityRecord[];
  /** This server's keys of that kind; the value says whether the key is the one its record names. */
  readonly keys: ReadonlyMap<string, boolean>;
  /** Key ids of the trust anchors above that are tainted or revoked: nothing may rest on them any more. */
  readonly distrustedAbove: ReadonlySet<string>;
  /** Seconds; asked for each new one. What is above may give less. */
  readonly wantedLife: number;
  /** Ids of prepared ones whose trust anchor was in the bundle before them. */
  readonly wellKnown: ReadonlySet<string>;
  /** Unix seconds; before it there is nothing longer to be had from above. */
  readonly askAgainAt: number;
}

export type AuthorityAction =
  /** Write down that a new authority is on its way. */
  | { readonly kind: "begin" }
  /**
   * Make its key and certificate and put it into the bundle, in place of prepared ones that never signed; but not when it
   * ends no later than `outlives` (Unix seconds): then ask again later.
   */
  | {
      readonly kind: "publish";
      readonly record: AuthorityRecord;
      readonly replaces: readonly AuthorityRecord[];
      readonly outlives: number;
    }
  /** Let it sign, and the `retire` ones no longer. */
  | { readonly kind: "activate"; readonly record: AuthorityRecord; readonly retire: readonly AuthorityRecord[] }
  /** What they signed is to be replaced. */
  | { readonly kind: "taint"; readonly records: readonly AuthorityRecord[] }
  /** What they signed is no longer accepted. Only an operator says so. */
  | { readonly kind: "revoke"; readonly records: readonly AuthorityRecord[] }
  /** It never signed and never will. */
  | { readonly kind: "abandon"; readonly record: AuthorityRecord }
  /** Everything they signed is dead. */
  | { readonly kind: "prune"; readonly records: readonly AuthorityRecord[] }
  /** Nothing signs with these keys any more. */
  | { readonly kind: "drop-keys"; readonly keyIds: readonly string[] }
  /** Nothing to do before `until`, Unix seconds. */
  | { readonly kind: "wait"; readonly until: number };

/** A clock that was set back by less makes no authority unusable: certificates are backdated by as much. */
const clockStep = 10;
/** Signatures by a remote key manager may still be on their way when an authority is retired. */
export const keyGrace = 60;
/** Another server's records are left to that server for so long after they are dead. */
const foreignGrace = 24 * 3600;
/** Another server's preparation that went no further. */
const foreignPreparingMax = 14 * 24 * 3600;

/**
 * The one next thing to do at `now` (Unix seconds): what keeps the server signing first, housekeeping after. Pure;
 * applying the actions until "wait" comes ends after a few steps.
 */
export function nextAction(view: AuthorityView, now: number): AuthorityAction {
  const own = view.records.filter((record) => record.serverId === view.serverId);
  const isUsable = (record: AuthorityRecord): boolean => canSign(view, record, now);
  const actives = own.filter((record) => record.state === "active");
  const prepared = own.find((record) => record.state === "prepared" && isUsable(record));
  const preparing = own.find((record) => record.state === "preparing");
  const active = actives.find(isUsable);

  if (prepared !== undefined && (active === undefined || now >= activationOf(view, active, prepared))) {
    return { kind: "activate", record: prepared, retire: actives };
  }
  const isWanted = prepared === undefined && (active === undefined || now >= preparationOf(view, active));
  if (isWanted && (active === undefined || now >= view.askAgainAt)) {
    if (preparing === undefined) return { kind: "begin" };
    return { kind: "publish", record: preparing, replaces: [], outlives: active?.notAfter ?? 0 };
  }
  const distrusted = own.filter((record) => record.state === "old" && isBelowDistrusted(view, record));
  if (distrusted.length > 0) return { kind: "taint", records: distrusted };
  const awaited = isWanted ? preparing : prepared;
  const useless = own.find((record) => isPending(record) && record !== awaited);
  if (useless !== undefined) return { kind: "abandon", record: useless };
  const dead = view.records.filter((record) => now >= pruneAt(record, view.serverId));
  if (dead.length > 0) return { kind: "prune", records: dead };
  const unused = [...view.keys.keys()].filter((keyId) => now >= keyUnusedAt(own, keyId));
  if (unused.length > 0) return { kind: "drop-keys", keyIds: unused };

  const turns = [
    ...(active === undefined ? [] : [active.notAfter, nextTurn(view, active, prepared)]),
    ...view.records.map((record) => pruneAt(record, view.serverId)),
    ...[...view.keys.keys()].map((keyId) => keyUnusedAt(own, keyId)),
  ];
  return { kind: "wait", until: Math.min(...turns) };
}

/** Its key is at hand, its time is now, and what is above it is trusted. */
export function canSign(view: AuthorityView, record: AuthorityRecord, now: number): boolean {
  return (
    view.keys.get(record.keyId) === true &&
    record.issuedAt <= now + clockStep &&
    record.notAfter > now &&
    !isBelowDistrusted(view, record)
  );
}

function isBelowDistrusted(view: AuthorityView, record: AuthorityRecord): boolean {
  return record.upstreamId !== "" && view.distrustedAbove.has(record.upstreamId);
}

function nextTurn(view: AuthorityView, active: AuthorityRecord, prepared: AuthorityRecord | undefined): number {
  if (prepared !== undefined) return activationOf(view, active, prepared);
  return Math.max(preparationOf(view, active), view.askAgainAt);
}

function preparationOf(view: AuthorityView, active: AuthorityRecord): number {
  return scheduleOf(view, active).prepareAt;
}

/**
 * Not before it has been in the bundle for a while, unless the active one cannot wait. Below an anchor that is trusted
 * already there is nothing to wait for.
 */
function activationOf(view: AuthorityView, active: AuthorityRecord, prepared: AuthorityRecord): number {
  const { activateAt, forceAt } = scheduleOf(view, active);
  const isWellKnown = active.upstreamId !== "" && active.upstreamId === prepared.upstreamId;
  if (isWellKnown || view.wellKnown.has(prepared.id)) return Math.max(activateAt, prepared.changedAt);
  const life = prepared.notAfter - prepared.issuedAt;
  return Math.max(activateAt, Math.min(prepared.changedAt + propagation(life), forceAt));
}

/** Our own authorities have the life that was wanted, or was when they were made; those from above may be cut short. */
function scheduleOf(view: AuthorityView, active: AuthorityRecord): Turns {
  return turnsOf(active, active.upstreamId === "" ? 0 : view.wantedLife);
}

function isPending(record: AuthorityRecord): boolean {
  return record.state === "preparing" || record.state === "prepared";
}

function pruneAt(record: AuthorityRecord, serverId: string): number {
  const { deadAt } = turnsOf(record);
  if (record.serverId !== serverId) {
    return record.state === "preparing" ? record.changedAt + foreignPreparingMax : deadAt + foreignGrace;
  }
  return isPending(record) || record.state === "active" ? Number.POSITIVE_INFINITY : deadAt;
}

function keyUnusedAt(own: readonly AuthorityRecord[], keyId: string): number {
  const record = own.find((candidate) => candidate.keyId === keyId);
  if (record === undefined) return 0;
  return isPending(record) || record.state === "active" ? Number.POSITIVE_INFINITY : record.changedAt + keyGrace;
}
