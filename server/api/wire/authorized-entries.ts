import { encodeEntry } from "../../../proto/convert/entry.ts";
import { decodeMask } from "../../../proto/convert/mask.ts";
import type { SyncAuthorizedEntriesRequest__Output } from "../../../proto/gen/spire/api/server/entry/v1/SyncAuthorizedEntriesRequest.ts";
import type { SyncAuthorizedEntriesResponse } from "../../../proto/gen/spire/api/server/entry/v1/SyncAuthorizedEntriesResponse.ts";
import { entryService } from "../../../proto/services.ts";
import type { Clock } from "../../../runtime/core/index.ts";
import { callerOf } from "../../authorization/index.ts";
import type { AuthorizedPage } from "../entry/authorized-pages.ts";
import { getAuthorizedEntries } from "../entry/get-authorized-entries.ts";
import { syncAuthorizedEntries } from "../entry/sync-authorized-entries.ts";
import { Inbox, type Registration, serveUnary } from "./registration.ts";

/** What polling agents read. */
export function serveAuthorizedEntries(to: Registration): void {
  serveUnary(
    to,
    entryService.GetAuthorizedEntries,
    getAuthorizedEntries,
    () => {},
    (entries, { output_mask }) => {
      const mask = decodeMask(output_mask);
      return { entries: entries.map((entry) => encodeEntry(entry, mask)) };
    },
  );
  serveSync(to);
}

type WireMask = SyncAuthorizedEntriesRequest__Output["output_mask"];

/** The mask of the first message holds for the whole stream; later ones are not looked at. */
function serveSync({ router, gate, services }: Registration): void {
  router.bidi(entryService.SyncAuthorizedEntries, (messages, context, sink) => {
    const inbox = new Inbox(messages);
    let wireMask: WireMask = null;
    return gate.run(
      syncAuthorizedEntries,
      callerOf(context.peer),
      context,
      async () => {
        const { ids, output_mask } = await inbox.first(services.clock);
        wireMask = output_mask;
        return { ids, masksRevision: output_mask !== null && !output_mask.revision_number };
      },
      (request, call) =>
        syncAuthorizedEntries.handle(services, request, call, asked(inbox, services.clock), (page) =>
          sink.send(encodePage(page, wireMask)),
        ),
    );
  });
}

async function* asked(
  inbox: Inbox<SyncAuthorizedEntriesRequest__Output>,
  clock: Clock,
): AsyncGenerator<readonly string[], void> {
  for await (const { ids } of inbox.restWithin(clock)) yield ids;
}

function encodePage({ kind, entries, more }: AuthorizedPage, wireMask: WireMask): SyncAuthorizedEntriesResponse {
  if (kind === "entries") {
    const mask = decodeMask(wireMask);
    return { entries: entries.map((entry) => encodeEntry(entry, mask)), more };
  }
  const revisions = entries.map(({ id, revisionNumber, createdAt }) => {
    return { id, revision_number: revisionNumber, created_at: createdAt };
  });
  return { entry_revisions: revisions, more };
}
