import { runSvidJob, type SigningContext, type SvidItem, type SvidResult } from "./svid-job.ts";

/** Carries out SVID jobs somewhere. */
export interface JobRunner {
  /**
   * Results in order. `context` is compared by identity: pass the same object while nothing changed.
   * @throws ERR_ISSUANCE_UNAVAILABLE
   */
  run(context: SigningContext, items: readonly SvidItem[]): Promise<readonly SvidResult[]>;
  close(): Promise<void>;
}

/** On the caller's thread, all at once: for simulation, where several servers share one process and its time. */
export const inlineRunner: JobRunner = {
  run: async (context, items) => items.map((item) => runSvidJob(context, item)),
  close: async () => {},
};
