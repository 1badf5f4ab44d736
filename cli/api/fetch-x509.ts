import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodePem, encodePkcs8 } from "../../certs/index.ts";
import type { X509Context } from "../../sdk/index.ts";
import type { CommandContext } from "../context.ts";
import { withWorkloadApi } from "./client.ts";
import type { FetchX509Options } from "./options.ts";
import { contextJson, contextText } from "./print.ts";

export async function fetchX509(options: FetchX509Options, { terminal }: CommandContext): Promise<void> {
  const context = await withWorkloadApi(options.socket, (client) =>
    client.fetchX509Context({ timeoutMs: options.timeout * 1000 }),
  );
  if (options.write !== undefined) writeFiles(options.write, context);
  if (options.silent === true) return;
  terminal.out(options.output === "json" ? contextJson(context) : contextText(context));
  if (options.write !== undefined && options.output !== "json") terminal.out(`\nwritten to ${options.write}`);
}

function writeFiles(folder: string, context: X509Context): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [index, svid] of context.svids.entries()) {
    const pem = (ders: readonly Uint8Array[]): string => ders.map((der) => encodePem("CERTIFICATE", der)).join("");
    const bundle = context.bundles.get(svid.id.trustDomain)?.x509Authorities ?? [];
    replaceFile(join(folder, `svid.${index}.key`), encodePem("PRIVATE KEY", encodePkcs8(svid.key)), 0o600);
    replaceFile(join(folder, `svid.${index}.pem`), pem(svid.chain.map(({ der }) => der)), 0o644);
    replaceFile(join(folder, `bundle.${index}.pem`), pem(bundle.map(({ certificate }) => certificate.der)), 0o644);
  }
}

/** A new file in the old one's place: readers see all or nothing, and an old file's wider mode is not inherited. */
function replaceFile(path: string, content: string, mode: number): void {
  const temporary = `${path}.${process.pid}.new`;
  try {
    writeFileSync(temporary, content, { mode, flag: "wx" });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
