import { type Interceptor, RpcRouter } from "../../transport/index.ts";
import { callerOf } from "../authorization/index.ts";
import type { Gate } from "./gate.ts";
import { servedRpcs } from "./methods.ts";
import type { ServerServices } from "./server-services.ts";
import { serveAgentService } from "./wire/agent-service.ts";
import { serveAuthorizedEntries } from "./wire/authorized-entries.ts";
import { serveBundleService } from "./wire/bundle-service.ts";
import { serveDebugService, serveLoggerService } from "./wire/daemon-services.ts";
import { serveEntryService } from "./wire/entry-service.ts";
import { serveLocalAuthorityService, serveRevocationService } from "./wire/local-authority-service.ts";
import { serveHealthService, serveSvidService, serveSyncService } from "./wire/other-services.ts";
import { serveTrustDomainService } from "./wire/trust-domain-service.ts";

/** All services on one router; admin socket and TCP serve the same, the gate tells their callers apart. */
export function serverRouter(gate: Gate, services: ServerServices): RpcRouter {
  const router = new RpcRouter().use(admission(gate));
  const to = { router, gate, services };
  serveAgentService(to);
  serveEntryService(to);
  serveAuthorizedEntries(to);
  serveSvidService(to);
  serveBundleService(to);
  serveTrustDomainService(to);
  serveLocalAuthorityService(to);
  serveRevocationService(to);
  serveSyncService(to);
  serveHealthService(to);
  serveDebugService(to);
  serveLoggerService(to);
  return router;
}

function admission(gate: Gate): Interceptor {
  const declarations = new Map(servedRpcs.map((rpc) => [rpc.method, rpc]));
  return async ({ context }, next) => {
    const rpc = declarations.get(context.method);
    if (rpc === undefined) throw new TypeError(`${context.method} is served without a declaration`);
    await gate.admit(rpc, callerOf(context.peer), context);
    await next();
  };
}
