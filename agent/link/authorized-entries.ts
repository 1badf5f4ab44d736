import { decodeMaskedEntry } from "../../proto/convert/entry.ts";
import type { AuthorizedEntries, CallOptions, KnownRevisions, PollingLink } from "../../proto/domain/link.ts";
import type { Entry__Output } from "../../proto/gen/spire/api/types/Entry.ts";
import { entryService } from "../../proto/services.ts";
import type { SpiffeId } from "../../spiffe/index.ts";
import { type RpcChannel, ServiceError } from "../../transport/index.ts";
import { agentErrors } from "../errors.ts";
import { agentLimits } from "../limits.ts";

type EntryOptions = Parameters<PollingLink["authorizedEntries"]>[1];

/** An entry's revision as it is on the wire. */
interface WireRevision {
  readonly id: string;
  readonly revision_number: string;
  readonly created_at: string;
}

interface WireSet {
  readonly ids: Set<string>;
  readonly changed: readonly Entry__Output[];
}

/**
 * Asks for the authorised set by SyncAuthorizedEntries (paged by revision, only what is new in full), and of a server
 * that does not have it yet by GetAuthorizedEntries. Order, repetitions and entries nobody asked for do not matter; an
 * answer that ends early counts for nothing.
 *
 * @throws ServiceError `ERR_RESPONSE_UNUSABLE`, or the server's
 */
export async function fetchAuthorizedEntries(
  channel: RpcChannel,
  known: KnownRevisions,
  parentId: SpiffeId,
  options: EntryOptions,
): Promise<AuthorizedEntries> {
  return readSet(await fetchSet(channel, known, options), parentId);
}

async function fetchSet(channel: RpcChannel, known: KnownRevisions, options: EntryOptions = {}): Promise<WireSet> {
  const { onAccepted, ...call } = options;
  try {
    return await syncSet(channel, known, call, onAccepted);
  } catch (error) {
    if (!(error instanceof ServiceError) || error.status !== "unimplemented") throw error;
  }
  const { entries } = await channel.unary(entryService.GetAuthorizedEntries, {}, call);
  onAccepted?.();
  return wholeSet(entries, known);
}

async function syncSet(
  channel: RpcChannel,
  known: KnownRevisions,
  options: CallOptions,
  onAccepted?: () => void,
): Promise<WireSet> {
  const call = channel.bidi(entryService.SyncAuthorizedEntries, options);
  const answers = call.responses[Symbol.asyncIterator]();
  const next = async () => {
    const answer = await answers.next();
    if (answer.done === true) throw unusable("the server ended the entries before they were complete");
    return answer.value;
  };
  try {
    call.send({});
    let page = await next();
    onAccepted?.();
    if (page.entry_revisions.length === 0 && !page.more) return wholeSet(page.entries, known);
    const revisions = new Map<string, WireRevision>();
    for (; ; page = await next()) {
      for (const revision of page.entry_revisions) revisions.set(revision.id, revision);
      if (revisions.size > agentLimits.changeSetResources.value) throw unusable("the server has too many entries");
      if (!page.more) break;
      if (page.entry_revisions.length === 0) throw unusable("the server does not get on with its entries");
    }
    const wanted = [...revisions.values()].filter((revision) => isNew(revision, known)).map(({ id }) => id);
    const changed: Entry__Output[] = [];
    for (let from = 0; from < wanted.length; from += agentLimits.entriesAsked.value) {
      const ids = wanted.slice(from, from + agentLimits.entriesAsked.value).sort();
      call.send({ ids });
      changed.push(...(await readAsked(next, ids)));
    }
    const ids = new Set(revisions.keys());
    // What was asked for and did not come is no longer authorised.
    const came = new Set(changed.map(({ id }) => id));
    for (const id of wanted) if (!came.has(id)) ids.delete(id);
    return { ids, changed };
  } finally {
    call.end();
    await answers.return?.();
  }
}

async function readAsked(
  next: () => Promise<{ readonly entries: readonly Entry__Output[]; readonly more: boolean }>,
  ids: readonly string[],
): Promise<readonly Entry__Output[]> {
  const asked = new Set(ids);
  const found = new Map<string, Entry__Output>();
  for (;;) {
    const { entries, more } = await next();
    const before = found.size;
    for (const entry of entries) if (asked.has(entry.id)) found.set(entry.id, entry);
    if (!more) return [...found.values()];
    if (found.size === before) throw unusable("the server does not get on with the entries it was asked for");
  }
}

function wholeSet(entries: readonly Entry__Output[], known: KnownRevisions): WireSet {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  return { ids: new Set(byId.keys()), changed: [...byId.values()].filter((entry) => isNew(entry, known)) };
}

function isNew(wire: WireRevision, known: KnownRevisions): boolean {
  const held = known(wire.id);
  return (
    held === undefined ||
    held.revisionNumber !== Number(wire.revision_number) ||
    held.createdAt !== Number(wire.created_at)
  );
}

function readSet({ ids, changed }: WireSet, parentId: SpiffeId): AuthorizedEntries {
  const entries: AuthorizedEntries["changed"][number][] = [];
  const unreadable: AuthorizedEntries["unreadable"][number][] = [];
  for (const wire of changed) {
    try {
      entries.push(decodeMaskedEntry(wire, parentId));
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      unreadable.push({ id: wire.id, error });
    }
  }
  return { ids, changed: entries, unreadable };
}

function unusable(why: string): Error {
  return agentErrors.error("ERR_RESPONSE_UNUSABLE", why);
}
