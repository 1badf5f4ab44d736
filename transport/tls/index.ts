/** TLS 1.3 whose peers are judged by the caller before anything is said. No gRPC: the SDK uses it, too. */
export { type ConnectTlsOptions, connectVerifiedTls, type VerifiedTls } from "./connect.ts";
export type { TlsIdentity } from "./context.ts";
export { createDomainContext, type DomainContextParts } from "./domain-context.ts";
export {
  type AcceptedTls,
  createVerifiedTlsServer,
  type TlsRefusal,
  type TlsServerLimits,
  type TlsServerOptions,
  type VerifiedTlsServer,
} from "./server.ts";
export { endBeforeAnswer, refusedByAlert } from "./tls-failure.ts";
