import type { SyncAck, SyncHello, SyncPage, SyncStatus, SyncStream, SyncWelcome } from "../../proto/domain/link.ts";
import { agentErrors } from "../errors.ts";
import type { NodeIdentity } from "../identity/node-identity.ts";

/**
 * One sync stream, from hello to its end. After the welcome it waits to be adopted before it reads on, so that at a
 * hand-over only one of two streams delivers pages.
 */
export class SyncSession {
  readonly #stream: SyncStream;
  readonly #adopted = Promise.withResolvers<void>();
  readonly #welcome = Promise.withResolvers<SyncWelcome>();
  #isWelcomed = false;
  #isClosed = false;
  readonly hello: SyncHello;
  /** The agent's identity that the stream was opened with. */
  readonly identity: NodeIdentity | undefined;
  /** Rejects with why the stream ended before its welcome. */
  readonly welcomed: Promise<SyncWelcome>;
  /** Settles with the stream: resolves when we closed it, rejects with why it ended otherwise. */
  readonly ended: Promise<void>;

  constructor(
    hello: SyncHello,
    identity: NodeIdentity | undefined,
    stream: SyncStream,
    onPage: (page: SyncPage, session: SyncSession) => void,
  ) {
    this.hello = hello;
    this.identity = identity;
    this.#stream = stream;
    this.welcomed = this.#welcome.promise;
    this.ended = this.#run(onPage);
    // Whoever waits for one of the two hears of it there; a failure is never unhandled.
    this.welcomed.catch(() => {});
    this.ended.catch(() => {});
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** From now on pages are delivered. */
  adopt(): void {
    this.#adopted.resolve();
  }

  send(message: SyncAck | SyncStatus): void {
    if (!this.#isClosed) this.#stream.send(message);
  }

  /** Idempotent. No page is delivered after it. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#adopted.resolve();
    this.#stream.close();
  }

  async #run(onPage: (page: SyncPage, session: SyncSession) => void): Promise<void> {
    try {
      await this.#read(onPage);
      if (!this.#isClosed) throw agentErrors.error("ERR_SYNC_PROTOCOL", "the server ended the sync stream");
    } catch (error) {
      this.#welcome.reject(error);
      if (!this.#isClosed) throw error;
    } finally {
      this.#welcome.reject(new Error("the sync stream was closed"));
      this.#isClosed = true;
      this.#stream.close();
    }
  }

  async #read(onPage: (page: SyncPage, session: SyncSession) => void): Promise<void> {
    for await (const message of this.#stream.messages) {
      if (this.#isClosed) return;
      if (message.kind === "welcome") {
        this.#isWelcomed = true;
        this.#welcome.resolve(message);
        continue;
      }
      if (!this.#isWelcomed) throw agentErrors.error("ERR_SYNC_PROTOCOL", "a page came before the welcome");
      await this.#adopted.promise;
      if (this.#isClosed) return;
      onPage(message, this);
    }
  }
}
