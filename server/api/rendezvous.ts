/**
 * One direction of a stream within a process. `send` resolves when the message was taken, so a slow reader holds up its
 * writer; `post` does not wait.
 */
export class Rendezvous<Message> implements AsyncIterable<Message> {
  readonly #queue: { readonly message: Message; readonly taken: () => void }[] = [];
  #over: { readonly error: unknown } | "ended" | undefined;
  #wake: (() => void) | undefined;

  async send(message: Message, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#queue.push({ message, taken: resolve });
    this.#wake?.();
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  post(message: Message): void {
    if (this.#over !== undefined) return;
    this.#queue.push({ message, taken: () => {} });
    this.#wake?.();
  }

  end(): void {
    this.#over ??= "ended";
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#over ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void> {
    for (;;) {
      const next = this.#queue.shift();
      if (next !== undefined) {
        next.taken();
        yield next.message;
      } else if (this.#over === "ended") return;
      else if (this.#over !== undefined) throw this.#over.error;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
