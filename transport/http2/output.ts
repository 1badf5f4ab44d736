import type { Duplex } from "node:stream";
import { nextTurn } from "../../runtime/core/index.ts";

/** What is written when the socket has room. */
export interface OutputOwner {
  /** Pushes a batch of the data that waits; called at most once a turn, and only while the socket takes more. */
  fill(): void;
  /** The socket took everything. */
  onRoom(): void;
}

/** What goes out in one write when it is no more than this. */
const copiedBytes = 16 * 1024;

/**
 * Collects what one turn of the event loop has to say and writes it at its end, behind all promises that are settled in
 * it: an answer goes out with the acknowledgements before it.
 */
export class Output {
  readonly #socket: Duplex;
  readonly #owner: OutputOwner;
  readonly #queue: Uint8Array[] = [];
  #bytes = 0;
  #isScheduled = false;
  #isBlocked = false;
  /** Data was written in this turn. */
  #isResting = false;
  #onFlushed: (() => void) | undefined;

  constructor(socket: Duplex, owner: OutputOwner) {
    this.#socket = socket;
    this.#owner = owner;
    socket.on("drain", () => {
      this.#isBlocked = false;
      this.#flush();
    });
  }

  /** The socket wants no more for now. Frames without data may be pushed all the same. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** Not taken by the kernel yet. */
  get unsentBytes(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  /** Waits for the end of the turn. */
  get queuedBytes(): number {
    return this.#bytes;
  }

  push(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.#bytes += bytes.length;
    this.schedule();
  }

  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // A tick that is asked for here would come before the promises; one asked for by a microtask comes behind them.
    queueMicrotask(this.#later);
  }

  /** Writes what is there, ends the socket's own side, then calls `onFlushed`; nothing may be pushed after it. */
  end(onFlushed: () => void): void {
    this.#onFlushed = onFlushed;
    this.schedule();
  }

  readonly #later = (): void => process.nextTick(flush, this);

  flushNow(): void {
    this.#isScheduled = false;
    this.#flush();
  }

  #flush(): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    if (!this.#isBlocked && !this.#isResting) this.#fill();
    if (this.#bytes > 0 && !this.#write()) this.#isBlocked = true;
    if (this.#onFlushed !== undefined) socket.end(this.#onFlushed);
    else if (!this.#isBlocked) this.#owner.onRoom();
  }

  /**
   * The writer of data that went out has more at once, and the kernel may take all of it at once: without a rest,
   * one connection that reads fast would keep the event loop for itself.
   */
  #fill(): void {
    const before = this.#bytes;
    this.#owner.fill();
    if (this.#bytes === before) return;
    this.#isResting = true;
    nextTurn(() => {
      this.#isResting = false;
      this.#flush();
    });
  }

  #write(): boolean {
    const parts = this.#queue.splice(0);
    const bytes = this.#bytes;
    this.#bytes = 0;
    const [first] = parts;
    if (first !== undefined && parts.length === 1) return this.#socket.write(first);
    if (bytes <= copiedBytes) return this.#socket.write(Buffer.concat(parts, bytes));
    let hasRoom = true;
    this.#socket.cork();
    for (const part of parts) hasRoom = this.#socket.write(part);
    this.#socket.uncork();
    return hasRoom;
  }
}

function flush(output: Output): void {
  output.flushNow();
}
