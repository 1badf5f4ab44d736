import { defineErrors, type ErrorTable } from "./service-error.ts";

/** What connections and calls themselves can fail with, on either side. */
export const transportErrors: ErrorTable<
  | "ERR_CALL_CANCELLED"
  | "ERR_DEADLINE_EXCEEDED"
  | "ERR_CONNECTION_LOST"
  | "ERR_CONNECT_FAILED"
  | "ERR_PEER_NOT_VERIFIED"
  | "ERR_REFUSED_BY_PEER"
  | "ERR_TLS_HANDSHAKE"
  | "ERR_TOO_MANY_STREAMS"
  | "ERR_TOO_MANY_BYTES"
  | "ERR_REQUEST_STALLED"
  | "ERR_CALL_PROTOCOL"
  | "ERR_SEND_QUEUE_FULL"
  | "ERR_SOCKET_PATH_TOO_LONG"
  | "ERR_SOCKET_IN_USE"
  | "ERR_LISTEN_FAILED"
  | "ERR_PROXY_HEADER"
  | "ERR_SOCKET_FOLDER_UNSAFE"
> = defineErrors({
  ERR_CALL_CANCELLED: {
    status: "cancelled",
    meaning: "The caller cancelled the call, or its connection went away before the answer.",
    fix: "nothing to do unless the caller did not mean to cancel",
  },
  ERR_DEADLINE_EXCEEDED: {
    status: "deadlineExceeded",
    meaning: "The call's own deadline passed before the answer.",
    fix: "give the call more time, or look why the other side is slow",
  },
  ERR_CONNECTION_LOST: {
    status: "unavailable",
    meaning: "The connection broke while the call was running; whether it was carried out is unknown.",
    fix: "call again; look at the other side's log when it repeats",
  },
  ERR_CONNECT_FAILED: {
    status: "unavailable",
    meaning: "No connection could be made to the given address.",
    fix: "check that the other side runs and listens there, and that nothing blocks the way",
  },
  ERR_PEER_NOT_VERIFIED: {
    status: "unavailable",
    meaning: "The other side did not prove the identity that is expected of it; nothing was sent to it.",
    fix: "the cause says which: an identity that `authorize` does not accept, or one that does not verify (check address, trust domain and bundle); an impostor looks like this too",
  },
  ERR_REFUSED_BY_PEER: {
    status: "unavailable",
    meaning:
      "The other side completed the TLS handshake and then refused us by a TLS alert: TLS 1.3 has no earlier word for it.",
    fix: "look at its log: does it trust our trust domain, and accept our SPIFFE ID?",
  },
  ERR_TLS_HANDSHAKE: {
    status: "unavailable",
    meaning: "A TLS handshake failed before anybody could be verified; the cause is OpenSSL's own error.",
    fix: "see that both sides speak TLS 1.3 on that port, and that a client shows the certificate that is asked for",
  },
  ERR_TOO_MANY_STREAMS: {
    status: "resourceExhausted",
    meaning: "The caller has as many calls open as one caller may (docs/limits.md).",
    fix: "reuse one open stream per process, and close those no longer read",
  },
  ERR_TOO_MANY_BYTES: {
    status: "resourceExhausted",
    meaning:
      "The requests that this caller, or all callers, have on their way take as much memory as they may; or the answers that this caller has not read yet do.",
    fix: "read what was answered, send fewer or smaller requests at once, and call again later",
  },
  ERR_REQUEST_STALLED: {
    status: "deadlineExceeded",
    meaning: "The request of a call was begun and not ended for a minute.",
    fix: "end the request's side of the stream when the message is sent; look at the network between",
  },
  ERR_CALL_PROTOCOL: {
    status: "internal",
    meaning: "The other side broke the gRPC protocol: bad framing, a missing status, a second message.",
    fix: "check that it speaks gRPC and is of a version that fits",
  },
  ERR_SEND_QUEUE_FULL: {
    status: "resourceExhausted",
    meaning: "The other side does not read what is sent on a stream; the call was given up.",
    fix: "look why the other side is stuck",
  },
  ERR_SOCKET_PATH_TOO_LONG: {
    status: "failedPrecondition",
    meaning: "The socket's path is longer than the 107 bytes the kernel takes.",
    fix: "choose a shorter path",
  },
  ERR_SOCKET_FOLDER_UNSAFE: {
    status: "failedPrecondition",
    meaning:
      "A warning in the log: somebody else owns the folder of a socket, or one above it, or everybody may write to it. They can put a socket of their own in its place and answer for us.",
    fix: "keep the socket in a folder of root or of the daemon's user that only it may write to, as /run/countersign",
  },
  ERR_SOCKET_IN_USE: {
    status: "failedPrecondition",
    meaning: "Another process listens on this socket, or something that is not a socket has its name.",
    fix: "stop the other process, remove the file, or choose another path",
  },
  ERR_LISTEN_FAILED: {
    status: "failedPrecondition",
    meaning: "The system refused to open the listening socket; the message has its reason.",
    fix: "check address, port, directory and permissions; where another program has the port, choose another one by the setting that the message names",
  },
  ERR_PROXY_HEADER: {
    status: "failedPrecondition",
    meaning: "A connection from a trusted proxy did not begin with a whole PROXY protocol header, and was closed.",
    fix: "switch the PROXY protocol on in the proxy, or take its address out of proxy_protocol.trusted_addresses",
  },
});
