import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { Certificate } from "../../certs/index.ts";
import { transportLimits } from "../limits.ts";

/**
 * The chain the peer showed, leaf first; empty without one. Reads it once: on Node 20 and 22 a second reading may
 * return the leaf only. Throws what `Certificate.parse` throws, and for a chain longer than `transportLimits.peerChain`.
 */
export function readPeerChain(socket: TLSSocket): readonly Certificate[] {
  const chain: Certificate[] = [];
  let current: X509Certificate | undefined = socket.getPeerX509Certificate();
  while (current !== undefined) {
    if (chain.length === transportLimits.peerChain) throw new Error("the peer's chain is too long");
    chain.push(Certificate.parse(current.raw));
    const issuer: X509Certificate | undefined = current.issuerCertificate;
    current = issuer === undefined || issuer.raw.equals(current.raw) ? undefined : issuer;
  }
  return chain;
}
