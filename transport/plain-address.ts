/** An IPv4 address may come in IPv6 clothes (RFC 4291 §2.5.5.2), as it does on a socket of both families: without them. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}
