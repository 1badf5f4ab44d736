import type { X509Source } from "../source/x509-source.ts";
import { type ClientTlsOptions, type TlsOptions, tlsOptions } from "./tls-options.ts";

/** Options of `ioredis`' Redis, and of `redisOptions` of its Cluster. */
export interface IoredisOptions {
  /** For each connection to a server. */
  readonly tls: TlsOptions;
  /** Without it ioredis leaves `tls` out for the servers that sentinels name, and sends the password in the clear. */
  readonly enableTLSForSentinelMode: true;
  /** For each connection to a sentinel. */
  readonly sentinelTLS: TlsOptions;
}

/**
 * For `ioredis`: `new Redis({ ...ioredisOptions(source, { authorize }), host })`, with `sentinels`, too, and in a
 * Cluster's `redisOptions`. Everything as of `tlsOptions`, and TLS wherever ioredis connects. Sentinels with other
 * SPIFFE IDs than the servers': `sentinelTLS: tlsOptions(source, { authorize: … })` behind these options.
 *
 * @throws as `tlsOptions`
 */
export function ioredisOptions(source: X509Source, options: ClientTlsOptions): IoredisOptions {
  const tls = tlsOptions(source, options);
  return { tls, enableTLSForSentinelMode: true, sentinelTLS: tls };
}
