import { encodeEntry } from "../../proto/convert/entry.ts";
import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { Entry } from "../../proto/gen/spire/api/types/Entry.ts";
import { entryService } from "../../proto/services.ts";
import { defineErrors, type RpcContext, type RpcRouter } from "../../transport/index.ts";

const errors = defineErrors({
  ERR_FAKE_NO_RPC: { status: "unimplemented", meaning: "There is no such method.", fix: "another method" },
  ERR_FAKE_EXHAUSTED: { status: "resourceExhausted", meaning: "Too much at once.", fix: "later" },
});

/** How a server with SPIRE's entry RPCs behaves; what it does well and badly is set by tests. */
export class SpireEntries {
  /** Up to so many entries come in one answer; more come as revisions, so many a page. */
  pageSize = 500;
  hasSync = true;
  /** Refuses this many calls for having too much to do. */
  exhausted = 0;
  /** Ends the coming stream after its first answer. */
  cutShort = false;
  /** Never comes to the last page. */
  isEndless = false;
  /** Adds this to whatever is asked for. */
  readonly unasked: Entry[] = [];
  /** Sent in place of the entry with this id, as raw as it is. */
  readonly raw = new Map<string, Entry>();
  /** Left out when asked for, as an entry that has just gone is. */
  readonly omitted = new Set<string>();
  readonly calls: string[] = [];
  /** Ids asked for, one list per request. */
  readonly asked: (readonly string[])[] = [];
  version = "";
}

interface EntrySource {
  readonly spire: SpireEntries;
  readonly entries: ReadonlyMap<string, RegistrationEntry>;
  authenticate(serial: string | undefined): unknown;
}

/** SPIRE's entry RPCs for agents, over a fake server's entries. */
export function serveSpireEntries(
  router: RpcRouter,
  server: EntrySource,
  serialOf: (context: RpcContext) => string | undefined,
): void {
  const { spire } = server;
  const wire = (): Entry[] =>
    // Newest first: the order says nothing.
    [...server.entries.values()].reverse().map((entry) => spire.raw.get(entry.id) ?? encodeEntry(entry));
  const begin = (name: string, context: RpcContext): void => {
    spire.calls.push(name);
    server.authenticate(serialOf(context));
    if (spire.exhausted > 0) {
      spire.exhausted -= 1;
      throw errors.error("ERR_FAKE_EXHAUSTED", "rate exceeds burst size");
    }
  };
  router.unary(entryService.GetAuthorizedEntries, async (_request, context) => {
    begin("get", context);
    return { entries: wire() };
  });
  router.bidi(entryService.SyncAuthorizedEntries, async (requests, context, sink) => {
    if (!spire.hasSync) throw errors.error("ERR_FAKE_NO_RPC", "unknown method SyncAuthorizedEntries");
    begin("sync", context);
    const all = wire();
    const incoming = requests[Symbol.asyncIterator]();
    await incoming.next();
    if (all.length <= spire.pageSize) {
      await sink.send({ entries: all });
      return;
    }
    const isCut = spire.cutShort;
    spire.cutShort = false;
    for (let from = 0; from < all.length; from += spire.pageSize) {
      const page = all.slice(from, from + spire.pageSize);
      const revisions = page.map(({ id, revision_number, created_at }) => ({
        id: id ?? "",
        revision_number: revision_number ?? 0,
        created_at: created_at ?? 0,
      }));
      const more = spire.isEndless || from + spire.pageSize < all.length;
      await sink.send({ entry_revisions: revisions, more });
      if (isCut) return;
    }
    while (spire.isEndless) await sink.send({ more: true });
    for (let next = await incoming.next(); next.done !== true; next = await incoming.next()) {
      const ids = new Set(next.value.ids);
      spire.asked.push(next.value.ids);
      const found = all.filter(({ id }) => ids.has(id ?? "") && !spire.omitted.has(id ?? ""));
      const answer = [...spire.unasked, ...found];
      for (let from = 0; from === 0 || from < answer.length; from += spire.pageSize) {
        const more = from + spire.pageSize < answer.length;
        await sink.send({ entries: answer.slice(from, from + spire.pageSize), more });
      }
    }
  });
}
