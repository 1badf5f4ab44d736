export { SpiffeError, type SpiffeErrorCode, type SpiffeErrorSpec, spiffeErrorSpecs } from "./errors.ts";
export { SpiffeId, TrustDomain } from "./id/spiffe-id.ts";
export { spiffeLimits } from "./limits.ts";
export { compareSelectors, Selector, sortSelectors } from "./selector.ts";
