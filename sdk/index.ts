/**
 * `@countersign/workload`: identities for Node services from a SPIFFE Workload API, and mutual TLS with them that cannot
 * be used unsafely.
 */
export { SpiffeBundle, SpiffeError, SpiffeId, TrustDomain, X509Svid } from "../spiffe/index.ts";
export { type Authorization, type Authorizer, allOf, anyOf, id, memberOf, oneOf, predicate } from "./authorize.ts";
export type { X509Context } from "./client/read-context.ts";
export {
  type CallOptions,
  type FetchedJwtSvid,
  type JwtSvidOptions,
  type ValidatedJwtSvid,
  type WatchOptions,
  WorkloadApiClient,
  type WorkloadApiClientOptions,
} from "./client/workload-api-client.ts";
export { WorkloadError, type WorkloadErrorCode, type WorkloadErrorOptions } from "./errors.ts";
export { type SourceHealth, type Unsubscribe, X509Source, type X509SourceOptions } from "./source/x509-source.ts";
export { createHttpsAgent, type HttpsAgentOptions } from "./tls/https-agent.ts";
export { type ConnectionRefusal, createHttpsServer, type HttpsServerOptions } from "./tls/https-server.ts";
export { type Peer, peerOf } from "./tls/peers.ts";
