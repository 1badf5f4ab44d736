import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodePem, encodePkcs8 } from "../../certs/index.ts";
import type { X509Context } from "../../sdk/index.ts";
import type { BundleMap, X509Svid } from "../../spiffe/index.ts";
import type { CommandContext } from "../context.ts";
import { facts, time } from "../output.ts";
import { withWorkloadApi } from "./client.ts";
import type { FetchX509Options } from "./options.ts";

export async function fetchX509(options: FetchX509Options, { terminal }: CommandContext): Promise<void> {
  const context = await withWorkloadApi(options.socket, (client) =>
    client.fetchX509Context({ timeoutMs: options.timeout * 1000 }),
  );
  if (options.write !== undefined) writeFiles(options.write, context);
  terminal.out(options.output === "json" ? contextJson(context) : contextText(context));
  if (options.write !== undefined && options.output !== "json") terminal.out(`\nwritten to ${options.write}`);
}

/** Keys only go to files, never to the terminal or into JSON. */
export function contextJson(context: X509Context): string {
  const svids = context.svids.map((svid) => ({
    spiffe_id: svid.id.toString(),
    hint: svid.hint,
    serial_number: svid.leaf.serialNumber,
    not_before: new Date(svid.leaf.notBefore).toISOString(),
    not_after: new Date(svid.notAfter).toISOString(),
    dns_names: svid.leaf.dnsSans,
    x509_svid: svid.chain.map(({ der }) => Buffer.from(der).toString("base64")),
    bundle: bundleBase64(context.bundles, svid),
  }));
  const federated = [...context.bundles].filter(
    (bundle) => !context.svids.some((svid) => svid.id.isMemberOf(bundle.trustDomain)),
  );
  return JSON.stringify({
    svids,
    federated_bundles: Object.fromEntries(
      federated.map((bundle) => [bundle.trustDomain.idString, Buffer.from(bundle.x509Der()).toString("base64")]),
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
        ["Chain", `${svid.chain.length} certificate(s)`],
        ["Authorities", `${authorities} in the bundle`],
      ]);
    })
    .join("\n\n");
}

function bundleBase64(bundles: BundleMap, svid: X509Svid): string {
  return Buffer.from(bundles.get(svid.id.trustDomain)?.x509Der() ?? []).toString("base64");
}

function writeFiles(folder: string, context: X509Context): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [index, svid] of context.svids.entries()) {
    const pem = (ders: readonly Uint8Array[]): string => ders.map((der) => encodePem("CERTIFICATE", der)).join("");
    const bundle = context.bundles.get(svid.id.trustDomain)?.x509Authorities ?? [];
    writeFileSync(join(folder, `svid.${index}.key`), encodePem("PRIVATE KEY", encodePkcs8(svid.key)), { mode: 0o600 });
    writeFileSync(join(folder, `svid.${index}.pem`), pem(svid.chain.map(({ der }) => der)), { mode: 0o644 });
    writeFileSync(join(folder, `bundle.${index}.pem`), pem(bundle.map(({ certificate }) => certificate.der)), {
      mode: 0o644,
    });
  }
}
