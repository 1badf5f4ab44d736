import type { ServerResponse } from "node:http";

export interface HealthReport {
  readonly healthy: boolean;
  /** One word or sentence per part, safe to show. */
  readonly parts: Readonly<Record<string, string>>;
}

export interface StatusListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly livePath: string;
  readonly readyPath: string;
  readonly metricsPath: string;
  live(): Promise<HealthReport>;
  ready(): Promise<HealthReport>;
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface StatusListener extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

function answer(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { "content-type": contentType, "cache-control": "no-store" });
  response.end(body);
}

function answerHealth(response: ServerResponse, report: HealthReport): void {
  answer(response, report.healthy ? 200 : 500, "application/json", `${JSON.stringify(report.parts)}\n`);
}

async function serve(options: StatusListenerOptions, path: string, response: ServerResponse): Promise<void> {
  if (path === options.livePath) answerHealth(response, await options.live());
  else if (path === options.readyPath) answerHealth(response, await options.ready());
  else if (path === options.metricsPath) {
    const { contentType, text } = await options.metrics();
    answer(response, 200, contentType, text);
  } else answer(response, 404, "text/plain", "not found\n");
}

/**
 * Health and metrics over plain HTTP for probes and Prometheus. It tells nothing secret and changes nothing, and it is
 * off by default. Answers 200 or 500 as SPIRE's listener does.
 */
export async function listenStatus(options: StatusListenerOptions): Promise<StatusListener> {
  // Importing it costs 100 ms of start-up (it drags in the fetch client), and the listener is off by default.
  const { createServer } = await import("node:http");
  const server = createServer((request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      answer(response, 405, "text/plain", "method not allowed\n");
      return;
    }
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    serve(options, path, response).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : "failed";
      if (!response.headersSent) answerHealth(response, { healthy: false, parts: { status: reason } });
      else response.destroy();
    });
  });
  // A probe is one short request; whoever holds a connection longer is not one.
  server.headersTimeout = 5_000;
  server.requestTimeout = 5_000;
  server.keepAliveTimeout = 5_000;
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: options.host, port: options.port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address();
  return {
    host: options.host,
    port: typeof address === "object" && address !== null ? address.port : options.port,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
