/**
 * Messages between a stream that pushes and a reader that pulls. `onEmpty` is called when the reader waits and
 * nothing is left: the owner resumes its stream then, and pauses it after each push, so that a slow reader holds no
 * more than what one chunk contained.
 */
export class MessageQueue<Message> implements AsyncIterable<Message> {
  readonly #onEmpty: () => void;
  readonly #onReturn: () => void;
  readonly #messages: Message[] = [];
  #end: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  /** `onReturn`: the reader stopped before the end. */
  constructor(onEmpty: () => void, onReturn: () => void = () => {}) {
    this.#onEmpty = onEmpty;
    this.#onReturn = onReturn;
  }

  push(messages: readonly Message[]): void {
    if (this.#end !== undefined || messages.length === 0) return;
    this.#messages.push(...messages);
    this.#wake?.();
  }

  /** After what is queued the iteration ends, or throws `error`. The first call counts. */
  end(error?: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#wake?.();
  }

  /** Like `end`, but what is queued is dropped. */
  fail(error: unknown): void {
    if (this.#end !== undefined) return;
    this.#messages.length = 0;
    this.end(error);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void, void> {
    let isOver = false;
    try {
      for (;;) {
        const message = this.#messages.shift();
        if (message !== undefined) {
          yield message;
        } else if (this.#end !== undefined) {
          isOver = true;
          if (this.#end.error !== undefined) throw this.#end.error;
          return;
        } else await this.#next();
      }
    } finally {
      if (!isOver) this.#onReturn();
    }
  }

  #next(): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
    this.#onEmpty();
    return woken;
  }
}
