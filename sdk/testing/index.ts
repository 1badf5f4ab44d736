/**
 * `@countersign/workload/testing`: an issuer and a Workload API in the test's own process, for any test runner. It
 * works with any SPIFFE library, and needs no agent, no server and no network.
 */
export type { Clock, Timer } from "../../runtime/core/index.ts";
export type { GrpcStatusName } from "../../transport/errors/service-error.ts";
export { type AfterChangeOptions, afterChange, type Changing } from "./after-change.ts";
export type { TestIdentity } from "./identity.ts";
export type { RefusalOptions, RefusalStatus } from "./refusal.ts";
export type { Lifetime } from "./signing-ca.ts";
export { TestClock } from "./test-clock.ts";
export { type IssueJwtOptions, TestIssuer, type TestIssuerOptions } from "./test-issuer.ts";
export { TestWorkloadApi, type TestWorkloadApiOptions } from "./test-workload-api.ts";
export type { WorkloadApiMethod } from "./workload-server.ts";
