/**
 * `@countersign/workload`: identities for Node services from a SPIFFE Workload API, and mutual TLS with them that
 * cannot be used unsafely.
 */
export type {
  Certificate,
  Extension,
  GeneralName,
  KeyUsage,
  NameConstraints,
  SignatureAlgorithm,
  Subtree,
} from "../certs/index.ts";
export { type Clock, type Random, Secret, type Timer } from "../runtime/core/index.ts";
export {
  BundleMap,
  type BundleSource as BundleLookup,
  type ChainInput,
  type ClaimValue,
  type JwtAuthority,
  type JwtAuthorityParts,
  type ParsedBundle,
  type ParsedBundleMap,
  type ParseX509SvidOptions,
  type SkippedKey,
  type SkippedKeyOf,
  type SkipReason,
  SpiffeBundle,
  type SpiffeBundleParts,
  SpiffeError,
  type SpiffeErrorCode,
  SpiffeId,
  TrustDomain,
  type VerifiedJwtSvid,
  type X509Authority,
  type X509AuthorityParts,
  X509Svid,
  type X509SvidOptions,
} from "../spiffe/index.ts";
export {
  type Authorization,
  type Authorizer,
  allOf,
  anyOf,
  id,
  memberOf,
  oneOf,
  pathPrefix,
  predicate,
} from "./authorize.ts";
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
export { type IoredisOptions, ioredisOptions } from "./clients/ioredis.ts";
export { type KafkajsOptions, kafkajsOptions } from "./clients/kafkajs.ts";
export { type MongodbOptions, mongodbOptions } from "./clients/mongodb.ts";
export { type Mysql2Options, mysql2Options } from "./clients/mysql2.ts";
export { type NodemailerOptions, nodemailerOptions } from "./clients/nodemailer.ts";
export { type PgOptions, pgOptions } from "./clients/pg.ts";
export { type ClientTlsOptions, type TlsOptions, tlsOptions } from "./clients/tls-options.ts";
export { WorkloadError, type WorkloadErrorCode, type WorkloadErrorOptions } from "./errors.ts";
export type { BearerOptions, BearerRefusal } from "./jwt/authenticate.ts";
export {
  type BearerReply,
  type BearerRequest,
  type BearerResponse,
  bearerHandler,
  bearerHook,
  bearerMiddleware,
  callerOf,
} from "./jwt/bearer.ts";
export { type JwsInput, jwtKeySet } from "./jwt/key-set.ts";
export { type FetchInit, type FetchLike, type WithJwtSvidOptions, withJwtSvid } from "./jwt/with-jwt-svid.ts";
export type {
  ConnectionAcceptedEvent,
  ConnectionClosingEvent,
  ConnectionRefusedEvent,
  JwtFailedEvent,
  JwtFetchedEvent,
  Observer,
  SourceStateEvent,
  SvidUpdatedEvent,
  WorkloadEvent,
} from "./observer.ts";
export {
  type BundleKind,
  BundleSource,
  type BundleSourceOptions,
  type ValidateJwtSvidOptions,
} from "./source/bundle-source.ts";
export { JwtSource, type JwtSourceOptions, type JwtSourceRequest } from "./source/jwt-source.ts";
export type { JwtSvid } from "./source/jwt-svid.ts";
export type { SourceHealth, Unsubscribe } from "./source/live-state.ts";
export type { SourceOptions } from "./source/source-options.ts";
export { X509Source, type X509SourceOptions } from "./source/x509-source.ts";
export type { ConnectionRefusal, VerifiedServerOptions } from "./tls/accept.ts";
export type { CloseReason, ClosingOptions } from "./tls/closing.ts";
export type { VerifiedClientOptions } from "./tls/dial.ts";
export type { SourceFetchOptions } from "./tls/fetcher.ts";
export {
  type ConnectHttp2Options,
  connectHttp2,
  createHttp2SecureServer,
  type Http2ServerOptions,
} from "./tls/http2.ts";
export { createHttpsAgent, type HttpsAgentOptions } from "./tls/https-agent.ts";
export { createHttpsServer, type HttpsServerOptions, httpsServerFactory } from "./tls/https-server.ts";
export { type GrpcAuthContext, type GrpcCall, type Peer, peerOf } from "./tls/peers.ts";
export { type ConnectTlsOptions, connectTls, createTlsServer, type TlsServerOptions } from "./tls/tls.ts";
export { UsageError, type UsageErrorCode } from "./usage-error.ts";
