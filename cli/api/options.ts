import type { CommonOptions } from "../options.ts";

interface TimedOptions extends CommonOptions {
  /** Seconds. */
  readonly timeout: number;
}

export interface FetchX509Options extends TimedOptions {
  readonly write?: string;
  readonly silent?: boolean;
}

export interface FetchJwtOptions extends TimedOptions {
  readonly audience: readonly string[];
  readonly spiffeId?: string;
}

export interface ValidateJwtOptions extends TimedOptions {
  readonly audience: string;
  readonly svid: string;
}

export interface WatchOptions extends TimedOptions {
  readonly count: number;
}
