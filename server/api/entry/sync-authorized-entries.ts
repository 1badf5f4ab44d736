import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import { commonErrors } from "../../../transport/errors/common.ts";
import type { AuthorizedEntries } from "../../registry/ports.ts";
import { callingAgent } from "../calling-agent.ts";
import type { Call, RpcDeclaration } from "../rpc.ts";
import { type AuthorizedPage, entryPages, firstAnswer } from "./authorized-pages.ts";

export interface SyncAuthorizedEntriesNeeds {
  readonly authorized: Pick<AuthorizedEntries, "authorizedEntries">;
}

/** What the first message of the stream asks for. */
export interface SyncAuthorizedEntriesRequest {
  readonly ids: readonly string[];
  readonly masksRevision: boolean;
}

/**
 * How a polling agent reads its authorised set (spire-wire §2.5): everything at once when that is one page, else the
 * revisions of everything and then, asked for by id, what the agent lacks. The set is that of the moment the stream was
 * opened. An id that is not in it is left out of the answer. The agent ends the stream; whole sets end by themselves.
 * Errors: ERR_MALFORMED_REQUEST.
 */
export const syncAuthorizedEntries: RpcDeclaration<SyncAuthorizedEntriesRequest, void> & {
  handle(
    needs: SyncAuthorizedEntriesNeeds,
    request: SyncAuthorizedEntriesRequest,
    call: Call,
    asked: AsyncIterable<readonly string[]>,
    send: (page: AuthorizedPage) => Promise<void>,
  ): Promise<void>;
} = {
  method: "/spire.api.server.entry.v1.Entry/SyncAuthorizedEntries",
  callers: ["agent"],
  rate: { class: "entries", per: "agent" },
  audit: { kind: "read" },
  mask: "entry",
  isStream: true,
  handle: async ({ authorized }, { ids, masksRevision }, call, asked, send) => {
    if (ids.length > 0) throw malformed("specifying IDs on initial request is not supported");
    if (masksRevision) throw malformed("revision number cannot be masked");
    const entries = authorized.authorizedEntries(callingAgent(call).id);
    let isWhole = true;
    for (const page of firstAnswer(entries)) {
      isWhole = page.kind === "entries";
      await send(page);
    }
    if (isWhole) return;
    const byId = new Map(entries.map((entry) => [entry.id, entry]));
    for await (const wanted of asked) {
      for (const page of entryPages(known(byId, wanted))) await send(page);
    }
  },
};

/** Each once, however often it is asked for. */
function* known(
  byId: ReadonlyMap<string, RegistrationEntry>,
  ids: readonly string[],
): Generator<RegistrationEntry, void> {
  for (const id of new Set(ids)) {
    const entry = byId.get(id);
    if (entry !== undefined) yield entry;
  }
}

function malformed(message: string) {
  return commonErrors.error("ERR_MALFORMED_REQUEST", message);
}
