import type { Counter, Gauge, Histogram, Metrics } from "../../runtime/core/index.ts";

/** What listeners report. One per metrics registry: a name can be declared only once there. */
export interface TransportMetrics {
  readonly kind: "transport-metrics";
  /** listener, method, status. */
  readonly handled: Counter;
  /** method. */
  readonly duration: Histogram;
  /** listener. */
  readonly connections: Gauge;
  /** listener, reason. */
  readonly refused: Counter;
}

export function transportMetrics(metrics: Metrics): TransportMetrics {
  return {
    kind: "transport-metrics",
    handled: metrics.counter({
      name: "countersign_rpc_handled_total",
      help: "Calls that ended, by method and gRPC status.",
      labels: ["listener", "method", "status"],
    }),
    duration: metrics.histogram({
      name: "countersign_rpc_unary_seconds",
      help: "Time from the request to the answer of unary calls.",
      labels: ["method"],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    }),
    connections: metrics.gauge({
      name: "countersign_connections",
      help: "Open connections of a listener.",
      labels: ["listener"],
    }),
    refused: metrics.counter({
      name: "countersign_connections_refused_total",
      help: "Connections refused before any call, by reason.",
      labels: ["listener", "reason"],
    }),
  };
}

export function toTransportMetrics(metrics: Metrics | TransportMetrics): TransportMetrics {
  return "kind" in metrics ? metrics : transportMetrics(metrics);
}
