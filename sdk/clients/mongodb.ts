import type { X509Source } from "../source/x509-source.ts";
import { type ClientTlsOptions, type TlsOptions, tlsOptions } from "./tls-options.ts";

/** Options of `mongodb`'s MongoClient. */
export interface MongodbOptions extends TlsOptions {
  /** Without it mongodb takes the other options and speaks in the clear. */
  readonly tls: true;
}

/**
 * For `mongodb`: `new MongoClient(url, mongodbOptions(source, { authorize }))`. Everything as of `tlsOptions`, and TLS
 * on each connection: a `tls=false` in the URL is an error of mongodb. Leave its options `tlsInsecure` and `tlsAllow…`
 * out, in the URL, too: they replace our verification.
 *
 * @throws as `tlsOptions`
 */
export function mongodbOptions(source: X509Source, options: ClientTlsOptions): MongodbOptions {
  return { ...tlsOptions(source, options), tls: true };
}
