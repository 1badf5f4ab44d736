import type { X509Context } from "../../sdk/index.ts";
import { facts, plainJson, time } from "../output.ts";

/**
 * As the wire's X509SVIDResponse and as SPIRE prints it, with what people look for first added. Keys only go to files:
 * `x509_svid_key` is always empty.
 */
export function contextJson(context: X509Context): string {
  const svids = context.svids.map((svid) => ({
    spiffe_id: svid.id.toString(),
    x509_svid: base64(svid.chainDer()),
    x509_svid_key: "",
    bundle: base64(context.bundles.get(svid.id.trustDomain)?.x509Der()),
    hint: svid.hint,
    serial_number: svid.leaf.serialNumber,
    not_before: new Date(svid.leaf.notBefore).toISOString(),
    not_after: new Date(svid.notAfter).toISOString(),
    dns_names: svid.leaf.dnsSans,
  }));
  const federated = [...context.bundles].filter(
    (bundle) => !context.svids.some((svid) => svid.id.isMemberOf(bundle.trustDomain)),
  );
  return plainJson({
    svids,
    crl: [],
    federated_bundles: Object.fromEntries(
      federated.map((bundle) => [bundle.trustDomain.idString, base64(bundle.x509Der())]),
    ),
  });
}

export function contextText(context: X509Context): string {
  return context.svids
    .map((svid) => {
      const authorities = context.bundles.get(svid.id.trustDomain)?.x509Authorities.length ?? 0;
      return facts([
        ["SPIFFE ID", svid.id.toString()],
        ...(svid.hint === "" ? [] : [["Hint", svid.hint] as const]),
        ["Serial", svid.leaf.serialNumber],
        ["Valid from", time(Math.floor(svid.leaf.notBefore / 1000))],
        ["Valid until", time(Math.floor(svid.notAfter / 1000))],
        ...(svid.leaf.dnsSans.length === 0 ? [] : [["DNS names", svid.leaf.dnsSans] as const]),
        ["Chain", `${svid.chain.length} ${svid.chain.length === 1 ? "certificate" : "certificates"}`],
        ["Bundle", `${authorities} ${authorities === 1 ? "authority" : "authorities"}`],
      ]);
    })
    .join("\n\n");
}

function base64(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("base64");
}
