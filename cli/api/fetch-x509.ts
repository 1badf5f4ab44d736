import { join } from "node:path";
import { encodePem, encodePkcs8 } from "../../certs/index.ts";
import type { X509Context } from "../../sdk/index.ts";
import type { CommandContext } from "../context.ts";
import { type NewFile, writeFiles } from "../write-files.ts";
import { withWorkloadApi } from "./client.ts";
import type { FetchX509Options } from "./options.ts";
import { contextJson, contextText } from "./print.ts";

export async function fetchX509(options: FetchX509Options, { terminal }: CommandContext): Promise<void> {
  const context = await withWorkloadApi(options.socket, (client) =>
    client.fetchX509Context({ timeoutMs: options.timeout * 1000 }),
  );
  if (options.write !== undefined) await writeFiles(filesIn(options.write, context));
  if (options.silent === true) return;
  terminal.out(options.output === "json" ? contextJson(context) : contextText(context));
  if (options.write !== undefined && options.output !== "json") terminal.out(`\nwritten to ${options.write}`);
}

function filesIn(folder: string, context: X509Context): readonly NewFile[] {
  const pem = (ders: readonly Uint8Array[]): string => ders.map((der) => encodePem("CERTIFICATE", der)).join("");
  return context.svids.flatMap((svid, index) => {
    const bundle = context.bundles.get(svid.id.trustDomain)?.x509Authorities ?? [];
    const key = encodePem("PRIVATE KEY", encodePkcs8(svid.key));
    return [
      { path: join(folder, `svid.${index}.key`), content: key, mode: 0o600 },
      { path: join(folder, `svid.${index}.pem`), content: pem(svid.chain.map(({ der }) => der)), mode: 0o644 },
      {
        path: join(folder, `bundle.${index}.pem`),
        content: pem(bundle.map(({ certificate }) => certificate.der)),
        mode: 0o644,
      },
    ];
  });
}
