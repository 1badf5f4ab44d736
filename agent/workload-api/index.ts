import { healthService, reflectionAlphaService, reflectionService, workloadApiService } from "../../proto/services.ts";
import type { RpcRouter } from "../../transport/index.ts";
import { agentLimits } from "../limits.ts";
import type { WorkloadApiDeps } from "./deps.ts";
import { fetchJwtBundles } from "./fetch-jwt-bundles.ts";
import { fetchJwtSvid } from "./fetch-jwt-svid.ts";
import { fetchWitBundles } from "./fetch-wit-bundles.ts";
import { fetchWitSvid } from "./fetch-wit-svid.ts";
import { fetchX509Bundles } from "./fetch-x509-bundles.ts";
import { fetchX509Svid } from "./fetch-x509-svid.ts";
import { checkHealth, watchHealth } from "./health.ts";
import { HoldTable } from "./hold.ts";
import { reflectServer } from "./reflection.ts";
import { RunningCalls } from "./running-calls.ts";
import { requireSecurityHeader } from "./security-header.ts";
import type { HandlerContext } from "./serve.ts";
import { WorkloadApiTelemetry } from "./telemetry.ts";
import { Turnstile } from "./turnstile.ts";
import { validateJwtSvid } from "./validate-jwt-svid.ts";

export { defaultWorkloadApiConfig, type WorkloadApiConfig } from "./config.ts";
export type { CallerAttestation, WorkloadApiDeps } from "./deps.ts";

/** The running Workload API. Disposing of it ends all its calls with Unavailable; do that before the listener closes. */
export interface WorkloadApi extends Disposable {
  /** Calls being served, streams included. */
  readonly calls: number;
}

/** Puts the Workload API (all seven RPCs), grpc.health.v1 and server reflection of all that is on it on `router`. */
export function registerWorkloadApi(router: RpcRouter, deps: WorkloadApiDeps): WorkloadApi {
  const { clock, config, identities, logger, metrics, state } = deps;
  const telemetry = new WorkloadApiTelemetry(logger, metrics, clock);
  const perTurn = agentLimits.attestationsPerTurn.value;
  const turnstiles = {
    opening: new Turnstile(clock, { perTurn, perUid: agentLimits.callsPerUidAndTurn.value }),
    updating: new Turnstile(clock, { perTurn, perUid: perTurn }),
  };
  const calls = new RunningCalls({ ...deps, holds: new HoldTable(config), turnstiles }, telemetry);
  const handler: HandlerContext = { calls, telemetry, identities, config, state };

  router.use(requireSecurityHeader);
  router.serverStream(workloadApiService.FetchX509SVID, fetchX509Svid(handler));
  router.serverStream(workloadApiService.FetchX509Bundles, fetchX509Bundles(handler));
  router.unary(workloadApiService.FetchJWTSVID, fetchJwtSvid(handler));
  router.serverStream(workloadApiService.FetchJWTBundles, fetchJwtBundles(handler));
  router.unary(workloadApiService.ValidateJWTSVID, validateJwtSvid(handler, clock));
  router.serverStream(workloadApiService.FetchWITSVID, fetchWitSvid);
  router.serverStream(workloadApiService.FetchWITBundles, fetchWitBundles);
  router.unary(healthService.Check, checkHealth(state));
  router.serverStream(healthService.Watch, watchHealth(state, clock));
  const reflect = reflectServer(() => router.services());
  router.bidi(reflectionService.ServerReflectionInfo, reflect);
  router.bidi(reflectionAlphaService.ServerReflectionInfo, reflect);

  return {
    get calls() {
      return calls.size;
    },
    [Symbol.dispose]: () => calls[Symbol.dispose](),
  };
}
