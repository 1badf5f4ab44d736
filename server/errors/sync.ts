import type { ErrorSpec } from "../../transport/errors/service-error.ts";

/** Of agents' sync streams. */
export const syncErrors = {
  ERR_SYNC_PROTOCOL: {
    status: "invalidArgument",
    meaning: "The sync stream did not begin with a hello, or broke the protocol later.",
    fix: "update the agent",
  },
  ERR_SYNC_REPLACED: {
    status: "aborted",
    meaning: "The same agent opened a newer sync stream, which took over.",
    fix: "nothing, unless two hosts run with one agent's key: then evict the agent",
  },
} as const satisfies Readonly<Record<string, ErrorSpec>>;
