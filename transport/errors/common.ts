import { defineErrors, type ErrorTable } from "./service-error.ts";

/** Codes that any service of ours can answer with. Areas have their own tables (`server/errors.ts`, `agent/errors.ts`). */
export const commonErrors: ErrorTable<
  "ERR_INTERNAL" | "ERR_MALFORMED_REQUEST" | "ERR_MESSAGE_TOO_LARGE" | "ERR_UNIMPLEMENTED" | "ERR_SHUTTING_DOWN"
> = defineErrors({
  ERR_INTERNAL: {
    status: "internal",
    meaning: "Something failed that should not; the log has the cause under the same request id.",
    fix: "look for the request id in the log and report it",
  },
  ERR_MALFORMED_REQUEST: {
    status: "invalidArgument",
    meaning: "The request does not decode, or a mandatory field is missing or has an impossible value.",
    fix: "correct the field that the message names",
  },
  ERR_MESSAGE_TOO_LARGE: {
    status: "resourceExhausted",
    meaning: "A message is larger than this service accepts (docs/limits.md).",
    fix: "split the request, or page through the answer",
  },
  ERR_UNIMPLEMENTED: {
    status: "unimplemented",
    meaning: "The method exists on the wire but is not served.",
    fix: "see docs/spire-compatibility.md for what is served",
  },
  ERR_SHUTTING_DOWN: {
    status: "unavailable",
    meaning: "The process is stopping; the call was not carried out.",
    fix: "call again; clients reconnect by themselves",
  },
});
