import type { SpiffeBundle } from "../../spiffe/index.ts";

/** Where the trust domain's bundle comes from before the agent has one of its own. */
export interface BootstrapSource {
  /**
   * `undefined`: there is none, and the first server that answers is trusted (`insecure`).
   *
   * @throws ServiceError `ERR_BOOTSTRAP_BUNDLE`
   */
  fetch(signal: AbortSignal): Promise<SpiffeBundle | undefined>;
  /** Trying again can help: a URL may answer later, a file does not mend itself. */
  readonly isRetryable: boolean;
}
