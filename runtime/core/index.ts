export { type BackOffOptions, backOffMs } from "./back-off.ts";
export { type Clock, sleepWith, systemClock, type Timer } from "./clock.ts";
export { errorFields, type LogFields, type Logger, silentLogger } from "./logger.ts";
export { type Counter, type Gauge, type Histogram, type MetricOptions, type Metrics, noMetrics } from "./metrics.ts";
export { nextTurn } from "./next-turn.ts";
export { type Random, systemRandom, uuidV7 } from "./random.ts";
export { Secret } from "./secret.ts";
export { TaskGroup } from "./task-group.ts";
