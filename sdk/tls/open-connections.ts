import type { TLSSocket } from "node:tls";
import type { Clock, Timer } from "../../runtime/core/index.ts";
import { workloadLimits } from "../limits.ts";
import { tell } from "../observer.ts";
import type { IdentitySource } from "../source/identity-source.ts";
import type { Unsubscribe } from "../source/live-state.ts";
import { contextOf } from "../source/source-context.ts";
import type { CloseReason, Closing } from "./closing.ts";
import type { Peer } from "./peers.ts";
import { isStillTrusted, isStillValid, peerNotAfter } from "./verify-peer.ts";

export interface OpenConnection {
  readonly socket: TLSSocket;
  readonly peer: Peer;
  /** What the peer is. */
  readonly usage: "client" | "server";
  /** Of the own chain that it was made with: the first expiry in it. */
  readonly ownNotAfter: number;
  readonly closing: Closing;
  /** Lets what is under way end and begins nothing new; the connection is cut after the grace. Without: cut at once. */
  readonly retire?: () => void;
}

interface Entry {
  readonly connection: OpenConnection;
  /** When to look at it again: its first expiry, then the end of its grace. */
  dueAt: number;
  isRetired: boolean;
}

const all = new WeakMap<IdentitySource, OpenConnections>();

/** Sees to it that the connection is closed for the reasons that it is to be closed for. */
export function closeInTime(source: IdentitySource, connection: OpenConnection): void {
  const connections = all.get(source) ?? new OpenConnections(source, contextOf(source).clock);
  all.set(source, connections);
  connections.add(connection);
}

/**
 * The connections of one source that are to be closed in time. There is one timer and one listener for all of them, and
 * none when there is no connection: the timer is set to what is due first, and then all are looked at, at most once a
 * second, so that ten thousand connections with ten thousand expiries cost one pass a second.
 */
class OpenConnections {
  readonly #source: IdentitySource;
  readonly #clock: Clock;
  readonly #entries = new Set<Entry>();
  #timer: Timer | undefined;
  #timerDueAt = Number.POSITIVE_INFINITY;
  #sweptAt = Number.NEGATIVE_INFINITY;
  #stopFollowing: Unsubscribe | undefined;
  #isRechecking = false;
  #mustRecheck = false;

  constructor(source: IdentitySource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  add(connection: OpenConnection): void {
    const entry = { connection, dueAt: firstExpiry(connection), isRetired: false };
    if (connection.socket.destroyed) return;
    this.#entries.add(entry);
    connection.socket.once("close", () => this.#remove(entry));
    this.#stopFollowing ??= this.#source.onChange(() => void this.#recheck());
    this.#arm(entry.dueAt);
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry);
    if (this.#entries.size > 0) return;
    this.#stopFollowing?.();
    this.#stopFollowing = undefined;
    this.#timer?.cancel();
    this.#timerDueAt = Number.POSITIVE_INFINITY;
  }

  #arm(dueAt: number): void {
    const at = Math.max(dueAt, this.#sweptAt + workloadLimits.closeSweepMs.value);
    if (at >= this.#timerDueAt || at === Number.POSITIVE_INFINITY) return;
    this.#timer?.cancel();
    this.#timerDueAt = at;
    this.#timer = this.#clock.setTimer(Math.max(0, at - this.#clock.now()), () => this.#sweep());
  }

  #sweep(): void {
    const now = this.#clock.now();
    this.#sweptAt = now;
    this.#timerDueAt = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    for (const entry of [...this.#entries]) {
      if (entry.dueAt <= now) this.#onDue(entry, now);
      if (this.#entries.has(entry)) next = Math.min(next, entry.dueAt);
    }
    this.#arm(next);
  }

  #onDue(entry: Entry, now: number): void {
    const { connection, isRetired } = entry;
    if (isRetired) {
      entry.dueAt = Number.POSITIVE_INFINITY;
      connection.socket.destroy();
      return;
    }
    const { peer, usage, closing, ownNotAfter } = connection;
    const isOwn = closing.reasons.has("own-expired") && ownNotAfter <= now;
    // What expired can be its authority, of which there is a newer certificate.
    if (!isOwn && peerNotAfter(peer) <= now) isStillValid(this.#source, peer, usage, now);
    if (isOwn) this.#close(entry, "own-expired");
    else if (peerNotAfter(peer) <= now) this.#close(entry, "peer-expired");
    else entry.dueAt = firstExpiry(connection);
  }

  #close(entry: Entry, reason: CloseReason): void {
    const { socket, closing, retire, peer, usage } = entry.connection;
    entry.isRetired = true;
    const side = usage === "client" ? "server" : "client";
    tell(contextOf(this.#source).observer, { name: "connection.closing", side, peer: `${peer.id}`, reason });
    if (retire === undefined || closing.graceMs === 0) {
      entry.dueAt = Number.POSITIVE_INFINITY;
      socket.destroy();
      return;
    }
    entry.dueAt = this.#clock.now() + closing.graceMs;
    retire();
  }

  /** After a change of the bundles. Verifying takes a tenth of a millisecond: others have their turn in between. */
  async #recheck(): Promise<void> {
    this.#mustRecheck = true;
    if (this.#isRechecking) return;
    this.#isRechecking = true;
    while (this.#mustRecheck) {
      this.#mustRecheck = false;
      let looked = 0;
      for (const entry of [...this.#entries]) {
        this.#judge(entry);
        looked += 1;
        if (looked % workloadLimits.closeRecheckBatch.value === 0) await turn(this.#clock);
      }
    }
    this.#isRechecking = false;
  }

  #judge(entry: Entry): void {
    const { peer, usage, closing } = entry.connection;
    if (entry.isRetired || !closing.reasons.has("distrusted") || !this.#entries.has(entry)) return;
    if (isStillTrusted(this.#source, peer, usage, this.#clock.now())) return;
    this.#close(entry, "distrusted");
    this.#arm(entry.dueAt);
  }
}

function firstExpiry({ peer, ownNotAfter, closing: { reasons } }: OpenConnection): number {
  return Math.min(
    reasons.has("peer-expired") ? peerNotAfter(peer) : Number.POSITIVE_INFINITY,
    reasons.has("own-expired") ? ownNotAfter : Number.POSITIVE_INFINITY,
  );
}

function turn(clock: Clock): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(0, resolve));
}
