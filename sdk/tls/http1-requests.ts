import { IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

interface Connection {
  /** In the order of their requests, which is that of their going out. */
  readonly underWay: Set<ServerResponse>;
  isRetired: boolean;
  /** Another protocol has it, of which nothing is known. */
  isUpgraded: boolean;
}

/**
 * What is under way on each connection of an http1 server, so that one can be ended between two requests. No listener
 * of the server hears of a request that comes after that, whichever event it would be.
 */
export class Http1Requests {
  readonly #connections = new WeakMap<object, Connection>();

  constructor(server: Server) {
    const { emit } = server;
    // Listeners that were added before or will be added later cannot be outrun otherwise.
    const value = (event: string | symbol, ...what: readonly unknown[]): boolean =>
      this.#isRefused(event, what) || Reflect.apply(emit, server, [event, ...what]);
    Object.defineProperty(server, "emit", { value, configurable: true, writable: true });
  }

  retire(socket: TLSSocket): void {
    const connection = this.#connection(socket);
    connection.isRetired = true;
    const last = [...connection.underWay].at(-1);
    if (last === undefined || connection.isUpgraded) socket.destroy();
    else sayLast(last);
  }

  #isRefused(event: string | symbol, [message, answer]: readonly unknown[]): boolean {
    if (!(message instanceof IncomingMessage)) return false;
    const { socket } = message;
    const connection = this.#connection(socket);
    if (event === "upgrade" || event === "connect") {
      connection.isUpgraded = true;
      if (connection.isRetired) leaveUnread(socket);
      return connection.isRetired;
    }
    // Of `request`, `checkContinue` and `checkExpectation`; the first may come again after one of the others.
    if (!(answer instanceof ServerResponse) || connection.underWay.has(answer)) return false;
    if (connection.isRetired) leaveUnread(socket);
    else this.#begin(socket, connection, answer);
    return connection.isRetired;
  }

  #begin(socket: Socket, { underWay }: Connection, response: ServerResponse): void {
    underWay.add(response);
    response.once("close", () => {
      underWay.delete(response);
      // With an answer whose head had gone before, too.
      if (this.#connection(socket).isRetired && underWay.size === 0) socket.destroySoon();
    });
  }

  #connection(socket: object): Connection {
    const known = this.#connections.get(socket) ?? { underWay: new Set(), isRetired: false, isUpgraded: false };
    this.#connections.set(socket, known);
    return known;
  }
}

/** What the peer goes on saying is not even parsed, while the answers before it go out. */
function leaveUnread(socket: Socket): void {
  socket.pause();
  // Of a connection that is upgraded node:http has taken its own listener off.
  socket.on("error", () => {});
}

/** RFC 9112 §9.6. An answer whose head has gone is the last all the same: the connection ends behind it. */
function sayLast(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader("connection", "close");
}
