import { encodePem } from "../../certs/index.ts";
import { decodeBundle } from "../../proto/convert/bundle.ts";
import { bundleService } from "../../proto/services.ts";
import { withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { ServerOptions } from "../options.ts";
import { toJson } from "../output.ts";

export interface ShowOptions extends ServerOptions {
  readonly format: "pem" | "spiffe";
}

export async function show(options: ShowOptions, context: CommandContext): Promise<void> {
  const wire = await withServer(options, context, (channel) => channel.unary(bundleService.GetBundle, {}));
  if (options.output === "json") context.terminal.out(toJson(wire));
  else {
    const bundle = decodeBundle(wire);
    const pem = bundle.x509Authorities.map(({ certificate }) => encodePem("CERTIFICATE", certificate.der));
    context.terminal.out(options.format === "pem" ? pem.join("").trimEnd() : bundle.toJwks());
  }
}
