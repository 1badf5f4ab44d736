import { type MetricOptions, type Metrics, noMetrics } from "../core/index.ts";

export interface HostMetrics extends Metrics {
  /** Prometheus text exposition. Runs the `onScrape` listeners first, so that gauges are of now. */
  text(): Promise<string>;
  readonly contentType: string;
  onScrape(listener: () => void): void;
}

/**
 * `Metrics` over prom-client with a registry of its own: several servers in one process do not share series. The library
 * is loaded only for those who look at metrics: it costs 20 MB.
 */
export async function createMetrics(): Promise<HostMetrics> {
  const { Counter, Gauge, Histogram, Registry } = await import("prom-client");
  const registry = new Registry();
  const listeners: (() => void)[] = [];
  const declare = (options: MetricOptions) => ({
    name: options.name,
    help: options.help,
    labelNames: [...(options.labels ?? [])],
    registers: [registry],
  });
  return {
    counter: (options) => {
      const counter = new Counter(declare(options));
      if (declare(options).labelNames.length === 0) counter.inc(0);
      return { add: (amount, ...labels) => counter.labels(...labels).inc(amount) };
    },
    gauge: (options) => {
      const gauge = new Gauge(declare(options));
      return { set: (value, ...labels) => gauge.labels(...labels).set(value) };
    },
    histogram: (options) => {
      const histogram = new Histogram({ ...declare(options), buckets: [...options.buckets] });
      return { observe: (value, ...labels) => histogram.labels(...labels).observe(value) };
    },
    text: () => {
      for (const listener of listeners) listener();
      return registry.metrics();
    },
    contentType: registry.contentType,
    onScrape: (listener) => {
      listeners.push(listener);
    },
  };
}

/** Counts nothing: for a process that exposes no metrics. */
export const unexposedMetrics: HostMetrics = {
  ...noMetrics,
  text: () => Promise.resolve(""),
  contentType: "text/plain",
  onScrape: () => {},
};
