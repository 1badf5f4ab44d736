import { type Command, Option } from "commander";
import { encodePem } from "../../certs/index.ts";
import { decodeBundle } from "../../proto/convert/bundle.ts";
import { bundleService } from "../../proto/services.ts";
import { withChannel } from "../connect.ts";
import type { CommandContext, Finish } from "../context.ts";
import { type CommonOptions, withServerSocket } from "../options.ts";
import { toJson } from "../output.ts";

interface ShowOptions extends CommonOptions {
  readonly format: "pem" | "spiffe";
}

export function addBundleCommands(program: Command, context: CommandContext, _finish: Finish): void {
  const bundle = program.command("bundle").description("the trust domain's public keys");
  withServerSocket(
    bundle
      .command("show")
      .description("print the trust bundle, for agents to start with or for verifiers")
      .addOption(
        new Option("--format <format>", "PEM certificates or a SPIFFE bundle document")
          .choices(["pem", "spiffe"])
          .default("pem"),
      )
      .addHelpText("after", "\nExample:\n  countersign bundle show > bootstrap.pem"),
    context,
  ).action(async (options: ShowOptions) => {
    const wire = await withChannel(options.socket, "server", (channel) => channel.unary(bundleService.GetBundle, {}));
    if (options.output === "json") context.terminal.out(toJson(wire));
    else {
      const shown = decodeBundle(wire);
      const pem = shown.x509Authorities.map(({ certificate }) => encodePem("CERTIFICATE", certificate.der));
      context.terminal.out(options.format === "pem" ? pem.join("").trimEnd() : shown.toJwks());
    }
  });
}
