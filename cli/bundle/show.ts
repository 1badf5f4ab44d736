import { bundleService } from "../../proto/services.ts";
import { withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import type { ServerOptions } from "../options.ts";
import { toJson } from "../output.ts";
import { bundleText } from "./print.ts";
import type { BundleFormat } from "./read-bundle.ts";

export interface ShowOptions extends ServerOptions {
  readonly format: BundleFormat;
}

export async function show(options: ShowOptions, context: CommandContext): Promise<void> {
  const wire = await withServer(options, context, (channel) => channel.unary(bundleService.GetBundle, {}));
  context.terminal.out(options.output === "json" ? toJson(wire) : bundleText(wire, options.format));
}
