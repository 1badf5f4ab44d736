import type { RegistrationEntry } from "../../../proto/domain/entry.ts";
import type { SpiffeBundle } from "../../../spiffe/index.ts";

/** What the agent holds now: what a polled server's answers are compared with. */
export interface HeldResources {
  entry(id: string): RegistrationEntry | undefined;
  entries(): Iterable<RegistrationEntry>;
  ownBundle(): SpiffeBundle;
  foreignBundles(): readonly SpiffeBundle[];
}
