import type { Status__Output } from "../../proto/gen/spire/api/types/Status.ts";
import { grpcStatus } from "../../transport/index.ts";
import type { Terminal } from "../output.ts";
import { printFailure } from "../report-failure.ts";

interface Reason {
  readonly code: string;
  readonly hint: string;
}

/**
 * An item's status on the wire is a number and a text (SPIRE's Status has no details): which of the server's codes it
 * is follows from the number, as each RPC on entries has one code a number. See docs/errors.md.
 */
const reasons: ReadonlyMap<number, Reason> = new Map([
  [
    grpcStatus.alreadyExists,
    {
      code: "ERR_ENTRY_EXISTS",
      hint: "update the existing entry, or leave the id out when it is the id that is taken",
    },
  ],
  [grpcStatus.invalidArgument, { code: "ERR_ENTRY_INVALID", hint: "correct what the message names" }],
  [
    grpcStatus.failedPrecondition,
    { code: "ERR_ENTRY_NO_BUNDLE", hint: "store that trust domain's bundle first, then try again" },
  ],
  [
    grpcStatus.notFound,
    { code: "ERR_ENTRY_NOT_FOUND", hint: 'see "countersign entry list": it was deleted, or it expired' },
  ],
]);

/** Says on standard error why an item of a batch was not done. */
export function printRefusedItem(what: string, status: Status__Output, terminal: Terminal): void {
  const reason = reasons.get(status.code);
  printFailure({ message: `${what}: ${status.message}`, code: reason?.code, hint: reason?.hint }, terminal, false);
}
