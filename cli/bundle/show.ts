import { encodePem } from "../../certs/index.ts";
import { decodeBundle } from "../../proto/convert/bundle.ts";
import { bundleService } from "../../proto/services.ts";
import { withChannel } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { CommonOptions } from "../options.ts";
import { toJson } from "../output.ts";

export interface ShowOptions extends CommonOptions {
  readonly format: "pem" | "spiffe";
}

export async function show(options: ShowOptions, { terminal }: CommandContext): Promise<void> {
  const wire = await withChannel(options.socket, "server", (channel) => channel.unary(bundleService.GetBundle, {}));
  if (options.output === "json") terminal.out(toJson(wire));
  else {
    const bundle = decodeBundle(wire);
    const pem = bundle.x509Authorities.map(({ certificate }) => encodePem("CERTIFICATE", certificate.der));
    terminal.out(options.format === "pem" ? pem.join("").trimEnd() : bundle.toJwks());
  }
}
