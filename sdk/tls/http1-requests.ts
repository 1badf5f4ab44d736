import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";

interface Connection {
  readonly underWay: Set<ServerResponse>;
  isRetired: boolean;
}

/** What is under way on each connection of an http1 server, so that one can be ended between two requests. */
export class Http1Requests {
  readonly #connections = new WeakMap<object, Connection>();

  constructor(server: Server) {
    // First, so that an answer does not go out before it is told that it is the last.
    server.prependListener("request", (request, response) => this.#begin(request, response));
  }

  retire(socket: TLSSocket): void {
    const connection = this.#connection(socket);
    connection.isRetired = true;
    for (const response of connection.underWay) sayLast(response);
    if (connection.underWay.size === 0) socket.end();
  }

  #begin({ socket }: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connection(socket);
    connection.underWay.add(response);
    if (connection.isRetired) sayLast(response);
    response.once("close", () => {
      connection.underWay.delete(response);
      if (connection.isRetired && connection.underWay.size === 0) socket.end();
    });
  }

  #connection(socket: object): Connection {
    const known = this.#connections.get(socket) ?? { underWay: new Set(), isRetired: false };
    this.#connections.set(socket, known);
    return known;
  }
}

/** RFC 9112 §9.6. An answer whose head has gone is the last all the same: the connection ends behind it. */
function sayLast(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader("connection", "close");
}
