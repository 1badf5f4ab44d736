import { RpcRouter } from "../../transport/index.ts";
import type { Gate } from "./gate.ts";
import type { ServerServices } from "./server-services.ts";
import { serveAgentService } from "./wire/agent-service.ts";
import { serveEntryService } from "./wire/entry-service.ts";
import { serveBundleService, serveHealthService, serveSvidService, serveSyncService } from "./wire/other-services.ts";

/** All services on one router; admin socket and TCP serve the same, the gate tells their callers apart. */
export function serverRouter(gate: Gate, services: ServerServices): RpcRouter {
  const router = new RpcRouter();
  const to = { router, gate, services };
  serveAgentService(to);
  serveEntryService(to);
  serveSvidService(to);
  serveBundleService(to);
  serveSyncService(to);
  serveHealthService(to);
  return router;
}
