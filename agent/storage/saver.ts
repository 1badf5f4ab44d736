import type { Clock, Timer } from "../../runtime/core/index.ts";

/** Stores what changes often: gathers changes for a while, writes one at a time, and the last one always. */
export class Saver {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #save: () => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #timer: Timer | undefined;
  #saving: Promise<void> | undefined;
  #isDirty = false;
  #isClosed = false;

  constructor(clock: Clock, delayMs: number, save: () => Promise<void>, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#save = save;
    this.#onError = onError;
  }

  changed(): void {
    if (this.#isClosed) return;
    this.#isDirty = true;
    this.#timer ??= this.#clock.setTimer(this.#delayMs, () => {
      this.#timer = undefined;
      this.#saving = this.flush();
    });
  }

  /** Resolves once everything that has changed so far is stored, or could not be. */
  async flush(): Promise<void> {
    await this.#saving;
    if (!this.#isDirty) return;
    this.#isDirty = false;
    const saving = this.#save().catch(this.#onError);
    this.#saving = saving;
    await saving;
  }

  /** Forgets what has changed; what is being written is waited for. */
  async discard(): Promise<void> {
    this.#isDirty = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#saving;
  }

  /** Stores what is left. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.flush();
  }
}
