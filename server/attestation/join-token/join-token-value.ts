import { serverLimits } from "../../limits.ts";

const pathSafe = /^[A-Za-z0-9._-]+$/;

/** A token becomes a segment of the agent's SPIFFE ID, so it has to be one (SPIFFE-ID §2.2). */
export function isJoinTokenValue(value: string): boolean {
  return (
    value.length <= serverLimits.joinTokenCharacters.value && pathSafe.test(value) && value !== "." && value !== ".."
  );
}
