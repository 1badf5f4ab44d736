import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import type { Clock } from "../../../runtime/core/index.ts";
import type { SpiffeId } from "../../../spiffe/index.ts";
import { ServiceError } from "../../../transport/errors/service-error.ts";
import { serverErrors } from "../../errors.ts";
import { serverLimits } from "../../limits.ts";
import type { AuthorizedEntries, Registry } from "../../registry/ports.ts";
import type { Feed } from "../../store/ports.ts";
import type { Call } from "../rpc.ts";

export interface AuthorizedNeeds {
  readonly authorized: Pick<AuthorizedEntries, "authorizedEntry">;
  readonly registry: Pick<Registry, "reached">;
  readonly store: Pick<Feed, "head">;
  readonly clock: Clock;
}

export type EntryLookup = ReadonlyMap<string, RegistrationEntry | ServiceError>;

/**
 * The entries that the agent may have SVIDs of now. Those it may not are looked for again once memory has caught up with
 * the primary store: "not found" makes agents drop identities, so it has to be true. Per id an entry or a refusal:
 * ERR_ENTRY_NOT_FOUND, or ERR_STORE_UNAVAILABLE when there is no proof to be had.
 */
export async function authorizedEntries(
  needs: AuthorizedNeeds,
  agentId: SpiffeId,
  entryIds: readonly string[],
  call: Pick<Call, "signal">,
): Promise<EntryLookup> {
  const found = new Map<string, RegistrationEntry | ServiceError>();
  const missing: string[] = [];
  for (const id of entryIds) {
    const entry = needs.authorized.authorizedEntry(agentId, id);
    if (entry === undefined) missing.push(id);
    else found.set(id, entry);
  }
  if (missing.length === 0) return found;
  const unproven = await catchUp(needs, call.signal);
  for (const id of missing) {
    const entry = unproven === undefined ? needs.authorized.authorizedEntry(agentId, id) : undefined;
    found.set(id, entry ?? unproven ?? notFound());
  }
  return found;
}

/** `undefined` once memory is as new as the store; otherwise why that could not be had. */
async function catchUp(needs: AuthorizedNeeds, signal: AbortSignal): Promise<ServiceError | undefined> {
  const giveUp = new AbortController();
  const timer = needs.clock.setTimer(serverLimits.syncCatchUpMs.value, () => giveUp.abort());
  try {
    const head = await needs.store.head();
    await needs.registry.reached(head.n, AbortSignal.any([signal, giveUp.signal]));
    return undefined;
  } catch (error) {
    if (error instanceof ServiceError && error.status === "unavailable") return error;
    if (giveUp.signal.aborted)
      return serverErrors.error("ERR_STORE_UNAVAILABLE", "the store's newest changes are not known here yet");
    throw error;
  } finally {
    timer.cancel();
  }
}

function notFound(): ServiceError {
  return serverErrors.error("ERR_ENTRY_NOT_FOUND", "entry not found or not authorized");
}
