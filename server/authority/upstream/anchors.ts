import { Certificate } from "../../../certs/index.ts";

/** The trust anchors that a chain ends under, by key identifier (RFC 5280 §4.2.1.1), and that identifier. */
export function anchorsOf(
  chain: readonly Uint8Array[],
  trusted: readonly Uint8Array[],
): { readonly anchors: readonly Uint8Array[]; readonly upstreamId: string } {
  const last = chain.at(-1);
  const upstreamId = last === undefined ? undefined : Certificate.parse(last).authorityKeyId;
  const anchors = trusted.filter((der) => Certificate.parse(der).subjectKeyId === upstreamId);
  return { anchors: upstreamId === undefined ? trusted : anchors, upstreamId: upstreamId ?? "" };
}
