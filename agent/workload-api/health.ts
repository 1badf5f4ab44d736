import type { HealthCheckRequest__Output } from "../../proto/gen/grpc/health/v1/HealthCheckRequest.ts";
import type { HealthCheckResponse } from "../../proto/gen/grpc/health/v1/HealthCheckResponse.ts";
import type { Clock } from "../../runtime/core/index.ts";
import type { ServerStreamHandler, UnaryHandler } from "../../transport/index.ts";
import type { AgentState } from "../ports.ts";
import { workloadApiErrors } from "./errors.ts";

const status = { serving: 1, notServing: 2, serviceUnknown: 3 } as const;
type Status = (typeof status)[keyof typeof status];

/** The whole process, and the one service that is ours to speak of. */
const known: ReadonlySet<string> = new Set(["", "SpiffeWorkloadAPI"]);
const watchEveryMs = 1_000;

/** grpc.health.v1 `Check`: SERVING once workloads can be served. @throws ServiceError ERR_HEALTH_SERVICE_UNKNOWN */
export function checkHealth(state: () => AgentState): UnaryHandler<HealthCheckRequest__Output, HealthCheckResponse> {
  return async ({ service }) => {
    if (!known.has(service)) throw workloadApiErrors.error("ERR_HEALTH_SERVICE_UNKNOWN", "no such service");
    return { status: statusOf(service, state()) };
  };
}

/** grpc.health.v1 `Watch`: the status now and each change, within a second. An unknown service is a status here. */
export function watchHealth(
  state: () => AgentState,
  clock: Clock,
): ServerStreamHandler<HealthCheckRequest__Output, HealthCheckResponse> {
  return async ({ service }, { signal }, sink) => {
    let sent: Status | undefined;
    for (;;) {
      signal.throwIfAborted();
      const now = statusOf(service, state());
      if (now !== sent) await sink.send({ status: now });
      sent = now;
      await clock.sleep(watchEveryMs, { signal });
    }
  };
}

function statusOf(service: string, { notReady }: AgentState): Status {
  if (!known.has(service)) return status.serviceUnknown;
  return notReady === undefined ? status.serving : status.notServing;
}
