import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import type { AuthorizedEntries } from "../../registry/ports.ts";
import { callingAgent } from "../calling-agent.ts";
import { unaryRpc } from "../rpc.ts";
import type { TakingTurns } from "../taking-turns.ts";

export interface GetAuthorizedEntriesNeeds {
  readonly authorized: Pick<AuthorizedEntries, "authorizedEntries">;
  /** An answer may take a tenth of a second to encode: many at once of one agent must not keep others waiting. */
  readonly turns: Pick<TakingTurns, "turn">;
}

/**
 * All entries that the calling agent may serve, whole: an agent drops what is not in the answer. A set that one message
 * cannot hold is refused with ERR_MESSAGE_TOO_LARGE; SyncAuthorizedEntries has pages.
 */
export const getAuthorizedEntries = unaryRpc<GetAuthorizedEntriesNeeds, void, readonly RegistrationEntry[]>({
  method: "/spire.api.server.entry.v1.Entry/GetAuthorizedEntries",
  callers: ["agent"],
  rate: { class: "entries", per: "agent" },
  audit: { kind: "read" },
  mask: "entry",
  handle: async ({ authorized, turns }, _request, call) => {
    const { id } = callingAgent(call);
    await turns.turn(id.toString(), call);
    return authorized.authorizedEntries(id);
  },
});
