import { bundleService } from "../../proto/services.ts";
import { type CommandChannel, longestAnswerMs, withChannel, withServer } from "../connect.ts";
import type { CommandContext } from "../context.ts";
import { cliErrorSpecs } from "../errors.ts";
import { CommandError, exitCodes, inputError } from "../exit-codes.ts";
import type { ServerOptions } from "../options.ts";
import { printable } from "../output.ts";

export interface EndsOptions extends ServerOptions {
  /** The SPIRE server's admin socket. */
  readonly from: string;
  /** Our server's admin socket, as `--socket`. */
  readonly to?: string;
}

/** Two servers of one trust domain. */
export interface Ends {
  readonly from: CommandChannel;
  readonly to: CommandChannel;
  readonly trustDomain: string;
}

/**
 * Calls `use` with channels to both servers. Nothing is done when they are not of one trust domain. `answerWithinMs`: how
 * long each answer may take, where that is less than commands usually wait.
 */
export function withEnds<Result>(
  options: EndsOptions,
  context: CommandContext,
  use: (ends: Ends) => Promise<Result>,
  answerWithinMs?: number,
): Promise<Result> {
  const target = options.to === undefined ? options : { ...options, socket: options.to };
  if (options.server === undefined && target.socket === options.from)
    throw inputError("ERR_USAGE", "--from and our server's socket are the same");
  if (options.server !== undefined && options.to !== undefined)
    throw inputError("ERR_USAGE", "--to cannot be combined with --server");
  const flag = options.to === undefined ? undefined : "--to";
  const within = (channel: CommandChannel): CommandChannel =>
    answerWithinMs === undefined || answerWithinMs >= longestAnswerMs
      ? channel
      : { unary: (method, request) => channel.unary(method, request, { timeoutMs: answerWithinMs }) };
  const withBoth = async (slowFrom: CommandChannel, slowTo: CommandChannel): Promise<Result> => {
    const [from, to] = [within(slowFrom), within(slowTo)];
    const [theirs, ours] = await Promise.all([trustDomainOf(from), trustDomainOf(to)]);
    if (theirs !== ours) throw otherTrustDomain(theirs, ours);
    return use({ from, to, trustDomain: ours });
  };
  return withChannel(options.from, "server", (from) => withServer(target, context, (to) => withBoth(from, to), flag), {
    flag: "--from",
  });
}

async function trustDomainOf(channel: CommandChannel): Promise<string> {
  const { trust_domain } = await channel.unary(bundleService.GetBundle, { output_mask: {} });
  return trust_domain.replace(/^spiffe:\/\//, "");
}

function otherTrustDomain(theirs: string, ours: string): CommandError {
  return new CommandError(
    exitCodes.refused,
    `the server at --from is of trust domain ${printable(theirs)}, ours of ${printable(ours)}`,
    { code: "ERR_OTHER_TRUST_DOMAIN", hint: cliErrorSpecs.ERR_OTHER_TRUST_DOMAIN.fix },
  );
}
