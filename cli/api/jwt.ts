import type { CommandContext } from "../context.ts";
import { facts, toJson } from "../output.ts";
import { withWorkloadApi } from "./client.ts";
import type { FetchJwtOptions, ValidateJwtOptions } from "./options.ts";

/** Printing the tokens is what this command is for. */
export async function fetchJwt(options: FetchJwtOptions, { terminal }: CommandContext): Promise<void> {
  const svids = await withWorkloadApi(options.socket, (client) =>
    client.fetchJwtSvids({
      audience: options.audience,
      timeoutMs: options.timeout * 1000,
      ...(options.spiffeId === undefined ? {} : { spiffeId: options.spiffeId }),
    }),
  );
  if (options.output === "json") {
    terminal.out(
      JSON.stringify({ svids: svids.map(({ id, token, hint }) => ({ spiffe_id: id.toString(), svid: token, hint })) }),
    );
  } else {
    for (const { id, token, hint } of svids) {
      terminal.out(
        facts([["SPIFFE ID", id.toString()], ...(hint === "" ? [] : [["Hint", hint] as const]), ["Token", token]]),
      );
    }
  }
}

export async function validateJwt(options: ValidateJwtOptions, context: CommandContext): Promise<void> {
  const token = options.svid === "-" ? (await context.readStdin()).trim() : options.svid;
  const { id, claims } = await withWorkloadApi(options.socket, (client) =>
    client.validateJwtSvid(options.audience, token, { timeoutMs: options.timeout * 1000 }),
  );
  if (options.output === "json") context.terminal.out(toJson({ spiffe_id: id.toString(), claims }));
  else
    context.terminal.out(
      facts([
        ["SPIFFE ID", id.toString()],
        ["Claims", JSON.stringify(claims)],
      ]),
    );
}
