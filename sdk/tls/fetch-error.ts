import { ServiceError } from "../../transport/errors/service-error.ts";
import { endBeforeAnswer } from "../../transport/tls/index.ts";
import { WorkloadError } from "../errors.ts";

/**
 * `fetch` hides what went wrong behind "fetch failed": ours is brought out, and an end of the connection gets a code.
 */
export function fetchError(error: unknown): unknown {
  const cause = error instanceof TypeError ? error.cause : undefined;
  if (cause instanceof WorkloadError || cause instanceof ServiceError) return cause;
  return endBeforeAnswer(cause) ?? error;
}
