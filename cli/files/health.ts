import { createServer, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { Clock } from "../../runtime/core/index.ts";
import { endsOf, type FilesBridge } from "./bridge.ts";
import type { FilesConfig, HealthConfig } from "./config/files-config.ts";
import type { IdentityFeed } from "./feed.ts";
import { filesLimits } from "./limits.ts";

export interface HealthSources {
  readonly config: FilesConfig;
  readonly bridge: Pick<FilesBridge, "failure" | "isComplete" | "has">;
  readonly feed: Pick<IdentityFeed, "identities" | "missing" | "problems">;
  readonly clock: Clock;
}

interface Report {
  readonly isLive: boolean;
  readonly isReady: boolean;
  /** spiffe-helper's `file_write_statuses`, and what is wrong. */
  readonly health: Readonly<Record<string, unknown>>;
}

/** Safe to show: codes and messages, no SVIDs. */
export function reportOf({ config, bridge, feed, clock }: HealthSources): Report {
  const nowMs = clock.now();
  const expired = endsOf(feed.identities).filter(({ atMs }) => atMs <= nowMs);
  const failed = bridge.failure !== undefined;
  const statusOf = (name: string): string => (failed ? "failed" : bridge.has(name) ? "written" : "unwritten");
  const x509 = [config.chainFile, config.keyFile, config.combinedFile, config.bundleFile].find(
    (one) => one !== undefined,
  );
  const jwt = [config.jwtBundleFile, ...config.jwtFiles.map(({ fileName }) => fileName)].filter(
    (one) => one !== undefined,
  );
  const problems = [...feed.problems].map(([part, { code, message, reason, fix }]) => {
    return { part, code: reason ?? code, message, fix };
  });
  return {
    isLive: !failed,
    isReady: !failed && bridge.isComplete && expired.length === 0,
    health: {
      file_write_statuses: {
        ...(x509 === undefined ? {} : { x509_write_status: statusOf(x509) }),
        jwt_write_status: Object.fromEntries(jwt.map((name) => [join(config.folder, name), statusOf(name)])),
      },
      missing: feed.missing,
      expired: expired.map(({ part }) => part),
      problems,
    },
  };
}

export interface HealthServer extends AsyncDisposable {
  readonly port: number;
}

/** Answers probes as spiffe-helper's listener does: 200 or 503, with the reason as JSON. @throws when it cannot listen */
export async function serveHealth(config: HealthConfig, report: () => Report): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? "/").split("?", 1)[0];
    if (request.method !== "GET" && request.method !== "HEAD") answer(response, 405, { status: "Method Not Allowed" });
    else if (path === config.livePath) answerHealth(response, report().isLive, report().health);
    else if (path === config.readyPath) answerHealth(response, report().isReady, report().health);
    else answer(response, 404, { status: "Not Found" });
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 5_000;
  server.keepAliveTimeout = 5_000;
  server.maxConnections = filesLimits.healthConnections.value;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: config.port, ...(config.host === undefined ? {} : { host: config.host }) }, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : config.port,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answerHealth(response: ServerResponse, isGood: boolean, health: Report["health"]): void {
  answer(response, isGood ? 200 : 503, { status: isGood ? "OK" : "Service Unavailable", health });
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(`${JSON.stringify(body)}\n`);
}
