/** The server: what other folders may use of `server/`. */
export { InProcessLink, type InProcessLinkOptions, type ReachableServer } from "./api/in-process-link.ts";
export type { WorkloadIdentity } from "./authority/upstream/spire.ts";
export {
  configWarnings,
  loadServerConfig,
  type ServerConfig,
  type ServerConfigSources,
  type ServerFlags,
  serverSettings,
} from "./config/index.ts";
export { type CoreConfig, createServerCore, type ServerCore, type ServerCoreDeps } from "./core.ts";
export { serverErrors } from "./errors.ts";
export { type Server, type StartDeps, startServer } from "./start.ts";
export type { OpenWorkloadIdentity } from "./upstream.ts";
