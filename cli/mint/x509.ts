import { join } from "node:path";
import { buildCsr, encodePem, encodePkcs8, generateKey } from "../../certs/index.ts";
import { bundleService, svidService } from "../../proto/services.ts";
import { withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { ServerOptions } from "../options.ts";
import { toJson } from "../output.ts";
import { idText, spiffeIdFlag } from "../wire.ts";
import { writeFiles } from "../write-files.ts";
import { capped } from "./capped.ts";

export interface MintX509Options extends ServerOptions {
  readonly spiffeId: string;
  /** Seconds; 0 = the server's default. */
  readonly ttl: number;
  readonly dns: readonly string[];
  readonly write?: string;
}

/** The key is made here and goes nowhere but to the output. */
export async function mintX509(options: MintX509Options, context: CommandContext): Promise<void> {
  const uri = idText(spiffeIdFlag("--spiffe-id", options.spiffeId));
  const key = await generateKey("ec-p256");
  const csr = Buffer.from(buildCsr({ key, uriSans: [uri], dnsSans: options.dns, subject: {} }));
  const { svid, bundle } = await withServer(options, context, async (channel) => ({
    svid: (await channel.unary(svidService.MintX509SVID, { csr, ttl: options.ttl })).svid,
    bundle: await channel.unary(bundleService.GetBundle, {}),
  }));
  const chain = svid?.cert_chain ?? [];
  const roots = bundle.x509_authorities.map(({ asn1 }) => asn1);
  const { terminal } = context;
  for (const warning of capped(options.ttl, svid?.expires_at ?? "0")) terminal.err(warning);
  const keyDer = encodePkcs8(key);
  if (options.write === undefined && options.output === "json") {
    // As SPIRE prints it.
    terminal.out(toJson({ x509_svid: chain, private_key: Buffer.from(keyDer), root_cas: roots }));
    return;
  }
  const pem = (blocks: readonly Uint8Array[]): string => blocks.map((der) => encodePem("CERTIFICATE", der)).join("");
  const files = { svid: pem(chain), key: encodePem("PRIVATE KEY", keyDer), bundle: pem(roots) };
  if (options.write === undefined) {
    terminal.out(`X.509-SVID:\n${files.svid}\nPrivate key:\n${files.key}\nTrust bundle:\n${files.bundle.trimEnd()}`);
    return;
  }
  const written = [
    { path: join(options.write, "svid.pem"), content: files.svid, mode: 0o644 },
    { path: join(options.write, "key.pem"), content: files.key, mode: 0o600 },
    { path: join(options.write, "bundle.pem"), content: files.bundle, mode: 0o644 },
  ];
  await writeFiles(written);
  const paths = written.map(({ path }) => path);
  terminal.out(
    options.output === "json" ? toJson({ written: paths }) : paths.map((path) => `written: ${path}`).join("\n"),
  );
}
