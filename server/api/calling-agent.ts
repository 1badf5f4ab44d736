import type { SvidCaller } from "../authorization/index.ts";
import type { Call } from "./rpc.ts";

/** The agent behind a call of a method that only agents may call. */
export function callingAgent(call: Call): SvidCaller {
  if (call.caller.kind !== "svid") throw new TypeError("a method for agents was called without an agent's SVID");
  return call.caller;
}
