import { Attempts, type AttemptsDeps } from "./attempts.ts";
import type { Tell } from "./tell.ts";

export interface HttpCallOptions extends AttemptsDeps {
  readonly url: URL;
  readonly timeoutMs: number;
}

/** `POST` of `{"changed": [file names]}`; any answer from 200 to 299 is success. Redirections are not followed. */
export class HttpCall implements Tell {
  readonly #options: HttpCallOptions;
  readonly #attempts: Attempts;
  /** Of calls that did not succeed yet, too. */
  readonly #changed = new Set<string>();

  constructor(options: HttpCallOptions) {
    this.#options = options;
    // Without what may be a secret in it.
    this.#attempts = new Attempts(`POST to ${options.url.origin}`, options);
  }

  changed(changed: readonly string[]): void {
    for (const name of changed) this.#changed.add(name);
    this.#attempts.start((signal) => this.#post(signal));
  }

  close(): Promise<void> {
    return this.#attempts.close();
  }

  async #post(signal: AbortSignal): Promise<void> {
    const { url, timeoutMs, clock, logger } = this.#options;
    const late = new AbortController();
    const timer = clock.setTimer(timeoutMs, () => late.abort(new Error(`no answer within ${timeoutMs} ms`)));
    const changed = [...this.#changed];
    try {
      const response = await fetch(url, {
        method: "POST",
        redirect: "manual",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ changed }),
        signal: AbortSignal.any([signal, late.signal]),
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`it answered ${response.status}`);
      for (const name of changed) this.#changed.delete(name);
      logger.info({ url: url.origin, status: response.status }, "told the URL");
    } finally {
      timer.cancel();
    }
  }
}
