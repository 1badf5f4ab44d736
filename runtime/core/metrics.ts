/**
 * Metrics as seen by domain code: declared once, updated by label values in the declared order.
 * `runtime/host` implements it over prom-client; `noMetrics` is for tests.
 */
export interface Metrics {
  counter(options: MetricOptions): Counter;
  gauge(options: MetricOptions): Gauge;
  histogram(options: MetricOptions & { readonly buckets: readonly number[] }): Histogram;
}

export interface MetricOptions {
  /** Prometheus name, e.g. `countersign_server_issued_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

export interface Counter {
  add(amount: number, ...labels: readonly string[]): void;
}

export interface Gauge {
  set(value: number, ...labels: readonly string[]): void;
}

export interface Histogram {
  observe(value: number, ...labels: readonly string[]): void;
}

export const noMetrics: Metrics = {
  counter: () => ({ add: () => {} }),
  gauge: () => ({ set: () => {} }),
  histogram: () => ({ observe: () => {} }),
};
