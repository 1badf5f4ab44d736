export { type RateClass, RateLimiter, type Rates } from "./rate-limiter.ts";
