import { once } from "node:events";
import { request } from "node:https";
import { connectivityState } from "@grpc/grpc-js";
import { createGrpcServer, grpcChannelCredentials } from "../../sdk/grpc/index.ts";
import {
  type ClosingOptions,
  connectHttp2,
  connectTls,
  createHttp2SecureServer,
  createHttpsAgent,
  createHttpsServer,
  createTlsServer,
  predicate,
} from "../../sdk/index.ts";
import { addEcho, EchoClient } from "./grpc-echo.ts";
import { portOf, type WorkloadSide } from "./workload-side.ts";

const anybody = predicate(() => true);
export interface Connected {
  /** Says something and hears the answer, on the same connection as long as it is open. */
  readonly ask: () => Promise<string>;
  readonly isOpen: () => boolean;
  /** Ends both sides. */
  readonly end: () => void;
}

export type ConnectionPath = (
  server: WorkloadSide,
  client: WorkloadSide,
  on: Record<"server" | "client", ClosingOptions>,
) => Promise<Connected>;

const host = "127.0.0.1";

const tls: ConnectionPath = async (server, client, on) => {
  const listener = createTlsServer(server.source, { authorize: anybody, ...on.server }, (socket) =>
    socket.pipe(socket),
  );
  const port = await portOf(listener);
  const socket = await connectTls(client.source, { host, port, authorize: anybody, ...on.client });
  const ask = async (): Promise<string> => {
    const answer = once(socket, "data");
    socket.write("x");
    return String((await answer)[0]);
  };
  return {
    ask,
    isOpen: () => !socket.destroyed,
    end: () => {
      socket.destroy();
      listener.close();
    },
  };
};

const http2: ConnectionPath = async (server, client, on) => {
  const listener = createHttp2SecureServer(server.source, { authorize: anybody, ...on.server }, (_asked, answer) => {
    answer.end("x");
  });
  const session = await connectHttp2(client.source, `https://${host}:${await portOf(listener)}`, {
    authorize: anybody,
    ...on.client,
  });
  const ask = async (): Promise<string> => {
    let body = "";
    for await (const chunk of session.request({ ":path": "/" })) body += chunk;
    return body;
  };
  return {
    ask,
    isOpen: () => !session.destroyed,
    end: () => {
      session.destroy();
      listener.close();
    },
  };
};

function overHttp1(
  connect: (client: WorkloadSide, port: number, options: ClosingOptions) => () => Promise<string>,
): ConnectionPath {
  return async (server, client, on) => {
    const sockets = new Set<object>();
    const listener = createHttpsServer(server.source, { authorize: anybody, ...on.server }, ({ socket }, response) => {
      if (!sockets.has(socket)) socket.once("close", () => sockets.delete(socket));
      sockets.add(socket);
      response.end("x");
    });
    const ask = connect(client, await portOf(listener), on.client);
    return { ask, isOpen: () => sockets.size > 0, end: () => void listener.close().closeAllConnections() };
  };
}

const https = overHttp1(({ source }, port, options) => {
  const agent = createHttpsAgent(source, { authorize: anybody, keepAlive: true, ...options });
  return () =>
    new Promise((resolve, reject) => {
      request({ host, port, agent }, (response) => {
        response.resume().once("end", () => resolve("x"));
      })
        .on("error", reject)
        .end();
    });
});

const fetched = overHttp1(({ source }, port, options) => async () => {
  const response = await source.fetch(`https://${host}:${port}/`, { authorize: anybody, ...options });
  return response.text();
});

const grpc: ConnectionPath = async (server, client, on) => {
  const listener = createGrpcServer(server.source, { authorize: anybody, ...on.server });
  addEcho(listener, () => "");
  const { port } = await listener.listen(0, host);
  const calls = new EchoClient(port, grpcChannelCredentials(client.source, { authorize: anybody, ...on.client }));
  return {
    ask: async () => (await calls.unary("x")).trim(),
    isOpen: () => calls.getChannel().getConnectivityState(false) === connectivityState.READY,
    end: () => {
      calls.close();
      listener.forceShutdown();
    },
  };
};

/** Each way to connect two workloads, by the name of what carries it. */
export const connectionPaths = { tls, https, http2, grpc, "source.fetch": fetched };
