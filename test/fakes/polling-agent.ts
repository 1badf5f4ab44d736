import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { AuthorizedPage } from "../../server/api/entry/authorized-pages.ts";

/** Serves one poll: sends its pages, and reads what is asked for in between. */
export type ServePoll = (
  asked: AsyncIterable<readonly string[]>,
  send: (page: AuthorizedPage) => Promise<void>,
) => Promise<void>;

/**
 * The agent's side of SyncAuthorizedEntries as stock agents do it: a first page without revisions is the whole set;
 * otherwise what is new, or of another revision or creation, is asked for, as many ids at a time as the first page had
 * revisions; what was not named is dropped at the end.
 */
export class PollingAgent {
  readonly held = new Map<string, RegistrationEntry>();
  /** Entries that came in full during the last poll. */
  received = 0;

  async poll(serve: ServePoll): Promise<void> {
    const pages: AuthorizedPage[] = [];
    await serve(this.#asked(pages), async (page) => void pages.push(page));
    const named = new Set(pages.flatMap((page) => page.entries.map(({ id }) => id)));
    const full = pages.flatMap((page) => (page.kind === "entries" ? page.entries : []));
    this.received = full.length;
    for (const id of [...this.held.keys()]) if (!named.has(id)) this.held.delete(id);
    for (const entry of full) this.held.set(entry.id, entry);
  }

  async *#asked(pages: readonly AuthorizedPage[]): AsyncGenerator<readonly string[], void> {
    const last = pages.at(-1);
    if (last === undefined || last.more) throw new Error("the revisions do not end");
    const size = pages[0]?.entries.length ?? 0;
    const wanted = pages.flatMap((page) => page.entries.filter((entry) => this.#lacks(entry)).map(({ id }) => id));
    wanted.sort();
    for (let from = 0; from < wanted.length; from += size) {
      yield wanted.slice(from, from + size);
      if (pages.at(-1)?.more === true) throw new Error("an answer does not end");
    }
  }

  #lacks({ id, revisionNumber, createdAt }: RegistrationEntry): boolean {
    const held = this.held.get(id);
    return held === undefined || held.revisionNumber !== revisionNumber || held.createdAt !== createdAt;
  }
}
