import type { Socket } from "node:net";
import { checkAuthorize } from "../authorize.ts";
import { checkSource, knownOptions } from "../known-options.ts";
import type { X509Source } from "../source/x509-source.ts";
import type { VerifiedClientOptions } from "../tls/dial.ts";
import { UsageError } from "../usage-error.ts";
import { connectClient, readPlain, refusedTls } from "./connect.ts";
import { DeferredSocket } from "./deferred-socket.ts";

/** Options of `pg`'s Client and Pool. */
export interface PgOptions {
  /** What opens each connection, with our verification. */
  readonly stream: () => Socket;
  /** pg itself begins no TLS: `stream` does. */
  readonly ssl: false;
}

/**
 * For `pg`: `new Pool({ ...pgOptions(source, { authorize }), host, database, user })`. Each connection shows the newest
 * SVID; not one byte of PostgreSQL's protocol, but the question for TLS, goes to a server that was not verified against
 * the bundle of its own trust domain (X509-SVID §5) and authorised. Host names play no part. Leave `ssl` and `sslmode`
 * out: with them no connection comes about. For pg's JavaScript client only: `pg.native` does not ask for streams.
 *
 * @throws UsageError ERR_AUTHORIZE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID, and ERR_LIBRARY_UNSUITED when
 * NODE_PG_FORCE_NATIVE is set. Clients fail with WorkloadError ERR_SOURCE_…; ServiceError ERR_CONNECT_FAILED,
 * ERR_PEER_NOT_VERIFIED
 */
export function pgOptions(source: X509Source, options: VerifiedClientOptions): PgOptions {
  checkSource(source, "pgOptions");
  checkAuthorize(options, "pgOptions");
  knownOptions(options, ["authorize"], "pgOptions");
  if (process.env["NODE_PG_FORCE_NATIVE"] !== undefined) {
    throw new UsageError(
      "ERR_LIBRARY_UNSUITED",
      "pgOptions works with the JavaScript client of pg; NODE_PG_FORCE_NATIVE chooses another",
      { fix: "unset NODE_PG_FORCE_NATIVE" },
    );
  }
  return { stream: () => new PgSocket(source, options), ssl: false };
}

class PgSocket extends DeferredSocket {
  readonly #source: X509Source;
  readonly #options: VerifiedClientOptions;

  constructor(source: X509Source, options: VerifiedClientOptions) {
    super();
    this.#source = source;
    this.#options = options;
  }

  /** pg's way to begin: `connect(port, host)`. */
  override connect(...[port, host]: readonly unknown[]): this {
    if (typeof port !== "number") {
      const fix = "give a host and a port, not the folder of a Unix socket";
      this.destroy(new UsageError("ERR_ARGUMENT_INVALID", "PostgreSQL speaks TLS over TCP only", { fix }));
      return this;
    }
    const where = { port, host: typeof host === "string" ? host : "localhost" };
    this.open(
      connectClient(this.#source, this.#options.authorize, { ...where, signal: this.signal, negotiate: askForTls }),
    );
    return this;
  }
}

/** SSLRequest of PostgreSQL's frontend/backend protocol: length and code. The answer is one byte. */
const sslRequest = Buffer.from("0000000804d2162f", "hex");

async function askForTls(socket: Socket): Promise<void> {
  socket.write(sslRequest);
  const answer = await readPlain(socket, (from): Buffer | undefined => from.read(1) ?? undefined);
  if (answer.toString("latin1") !== "S") throw refusedTls("does not speak TLS");
}
