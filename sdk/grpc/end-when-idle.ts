import type { Socket } from "node:net";

/**
 * Ends a client's connection when no call is on it. grpc-js tells nobody how many there are, but it holds the process
 * with its socket exactly as long as there is one (`ref` with the first call, `unref` after the last); should a version
 * do otherwise, the connection is cut after the grace. grpc-js connects again with the next call.
 */
export class EndWhenIdle {
  #socket: Socket | undefined;
  #isIdle = false;
  #isRetired = false;

  watch(socket: Socket): void {
    this.#socket = socket;
    const { ref, unref } = socket;
    socket.ref = () => {
      this.#isIdle = false;
      return ref.call(socket);
    };
    socket.unref = () => {
      this.#isIdle = true;
      this.#endIfDue();
      return unref.call(socket);
    };
    this.#endIfDue();
  }

  retire(): void {
    this.#isRetired = true;
    this.#endIfDue();
  }

  #endIfDue(): void {
    if (this.#isRetired && this.#isIdle) this.#socket?.destroy();
  }
}
