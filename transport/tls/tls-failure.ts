import type { ServiceError } from "../errors/service-error.ts";
import { transportErrors } from "../errors/transport.ts";

/** What OpenSSL said, without its addresses and source files; `undefined` when it was not OpenSSL. */
function reasonOf(error: Error): string | undefined {
  const isOpenSsl = "code" in error && typeof error.code === "string" && error.code.startsWith("ERR_SSL_");
  return isOpenSsl && "reason" in error && typeof error.reason === "string" ? error.reason : undefined;
}

/** The name of the alert (RFC 8446 §6.2) that the other side sent; OpenSSL puts a version in front that means nothing. */
function alertOf(error: Error): string | undefined {
  return /\balert (.+)$/.exec(reasonOf(error) ?? "")?.[1];
}

/** What OpenSSL says of bytes that are no TLS, a plain HTTP answer for example. */
const noTls = /wrong version number|http request|packet length too long|record layer failure/;

/**
 * A handshake's failure in plain words: ERR_TLS_HANDSHAKE with OpenSSL's error as the cause. Errors that are not OpenSSL's
 * are returned as they are.
 */
export function handshakeFailure(error: Error): Error {
  const reason = reasonOf(error);
  if (reason === undefined) return error;
  return transportErrors.error("ERR_TLS_HANDSHAKE", inWords(reason, alertOf(error)), { cause: error });
}

function inWords(reason: string, alert: string | undefined): string {
  if (alert === "protocol version") return "the other side does not speak TLS 1.3";
  if (alert !== undefined) return `the other side sent the TLS alert "${alert}"`;
  return noTls.test(reason) ? "what the other side says is not TLS" : `TLS failed: ${reason}`;
}

/** Ends of a connection in an error's code, as of node:net and undici. */
const ends: ReadonlySet<unknown> = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/** The alert by which the other side ended an established connection; `undefined` when `error` tells of something else. */
export function refusedByAlert(error: unknown): ServiceError | undefined {
  const alert = error instanceof Error ? alertOf(error) : undefined;
  if (alert === undefined) return undefined;
  const text = `the other side refused us after the handshake, by the TLS alert "${alert}"`;
  return transportErrors.error("ERR_REFUSED_BY_PEER", text, { cause: error });
}

/**
 * Why an established connection ended before anything was answered. With TLS 1.3 a client has shown its certificate only
 * when its own handshake is over: that a server refuses it shows here. `undefined` when `error` tells of something else.
 */
export function endBeforeAnswer(error: unknown): ServiceError | undefined {
  const refused = refusedByAlert(error);
  if (refused !== undefined) return refused;
  if (!(error instanceof Error && "code" in error && ends.has(error.code))) return undefined;
  const text =
    "the other side closed the connection before it answered; if on the first request, it may have refused our certificate, which with TLS 1.3 shows only now";
  return transportErrors.error("ERR_CONNECTION_LOST", text, { cause: error });
}
