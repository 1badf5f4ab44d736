import type { TLSSocket } from "node:tls";
import { checkAuthorize } from "../authorize.ts";
import { checkSource, knownOptions } from "../known-options.ts";
import type { X509Source } from "../source/x509-source.ts";
import type { VerifiedClientOptions } from "../tls/dial.ts";
import { connectClient } from "./connect.ts";

interface MailServer {
  readonly host?: string | undefined;
  readonly port?: number | string | undefined;
}

type Opened = (error: Error | null, socket: { readonly connection: TLSSocket; readonly secured: true } | false) => void;

/** Options of `nodemailer`'s SMTP transports. */
export interface NodemailerOptions {
  /** TLS from the first byte on. */
  readonly secure: true;
  /** What opens each connection, with our verification. */
  readonly getSocket: (server: MailServer, opened: Opened) => void;
  /** TLS in any case. */
  readonly requireTLS: true;
  /** Trusts nobody: what counts where nodemailer does not ask `getSocket`, which it leaves out for a `proxy`. */
  readonly tls: {
    /** No certificate. */
    readonly ca: string[];
    /** What OpenSSL does not accept is refused. */
    readonly rejectUnauthorized: true;
  };
}

/**
 * For `nodemailer`, to servers that speak TLS at once (port 465, not STARTTLS): `createTransport({
 * ...nodemailerOptions(source, { authorize }), host })`, pooled or not. Each connection shows the newest SVID; not one
 * byte goes to a server that was not verified against the bundle of its own trust domain (X509-SVID §5) and authorised.
 * Host names play no part. Leave `proxy` and `tls` out: nodemailer opens the connections through a proxy by itself, and
 * then reaches nobody.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID. Sending fails with WorkloadError
 * ERR_SOURCE_…; ServiceError ERR_CONNECT_FAILED, ERR_PEER_NOT_VERIFIED
 */
export function nodemailerOptions(source: X509Source, options: VerifiedClientOptions): NodemailerOptions {
  checkSource(source, "nodemailerOptions");
  checkAuthorize(options, "nodemailerOptions");
  knownOptions(options, ["authorize"], "nodemailerOptions");
  const { authorize } = options;
  return {
    secure: true,
    requireTLS: true,
    tls: { ca: [], rejectUnauthorized: true },
    getSocket: ({ host = "localhost", port = 465 }, opened) => {
      const { signal } = new AbortController();
      connectClient(source, authorize, { host, port: Number(port), signal }).then(
        (connection) => opened(null, { connection, secured: true }),
        (error: unknown) => opened(error instanceof Error ? error : new Error(String(error)), false),
      );
    },
  };
}
