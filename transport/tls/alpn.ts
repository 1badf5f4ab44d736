import type { TLSSocket } from "node:tls";

/** ALPN came to a protocol that was offered, or played no part where it need not. */
export function isAgreed(
  socket: TLSSocket,
  options: { readonly alpnProtocols: readonly string[]; readonly allowsNoAlpn?: boolean },
): boolean {
  if (socket.alpnProtocol === false || socket.alpnProtocol === null) return options.allowsNoAlpn === true;
  return options.alpnProtocols.includes(socket.alpnProtocol);
}
