import type { AuthorityState } from "../domain/authority.ts";
import { serverErrors } from "../errors.ts";

/**
 * publish: key and certificate exist and go into the bundle.   activate: starts to sign.
 * retire: stops signing, because its successor was activated.   taint, revoke: the operator distrusts it.
 * abandon: given up before it signed anything.   prune: everything it signed is dead.
 */
export const authorityEvents = ["publish", "activate", "retire", "taint", "revoke", "abandon", "prune"] as const;
export type AuthorityEvent = (typeof authorityEvents)[number];

export const authorityStates = [
  "preparing",
  "prepared",
  "active",
  "old",
  "tainted",
  "revoked",
] as const satisfies readonly AuthorityState[];

/** Every move there is; what is not here is refused. "gone": the record is removed. */
const moves: Readonly<Record<AuthorityState, Partial<Readonly<Record<AuthorityEvent, AuthorityState | "gone">>>>> = {
  preparing: { publish: "prepared", abandon: "gone" },
  prepared: { activate: "active", abandon: "gone" },
  active: { retire: "old" },
  old: { taint: "tainted", prune: "gone" },
  tainted: { revoke: "revoked", prune: "gone" },
  revoked: { prune: "gone" },
};

/** @throws ERR_AUTHORITY_TRANSITION when `event` cannot happen in `state` */
export function transition(state: AuthorityState, event: AuthorityEvent): AuthorityState | "gone" {
  const next = moves[state][event];
  if (next === undefined) {
    throw serverErrors.error("ERR_AUTHORITY_TRANSITION", `an authority that is ${state} cannot ${event}`);
  }
  return next;
}
