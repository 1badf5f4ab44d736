import type { CommandContext } from "../context.ts";
import { facts, plainJson } from "../output.ts";
import { idText, spiffeIdFlag } from "../wire.ts";
import { withWorkloadApi } from "./client.ts";
import type { FetchJwtOptions, ValidateJwtOptions } from "./options.ts";

/** Printing the tokens is what this command is for. */
export async function fetchJwt(options: FetchJwtOptions, { terminal }: CommandContext): Promise<void> {
  const only = options.spiffeId === undefined ? undefined : idText(spiffeIdFlag("--spiffe-id", options.spiffeId));
  const call = { timeoutMs: options.timeout * 1000 };
  const { svids, bundles } = await withWorkloadApi(options.socket, async (client) => ({
    svids: await client.fetchJwtSvids({
      ...{ audience: options.audience, ...call },
      ...(only === undefined ? {} : { spiffeId: only }),
    }),
    bundles: options.output === "json" ? await client.fetchJwtBundles(call) : undefined,
  }));
  if (bundles !== undefined) {
    // Both answers of the Workload API one after the other, as SPIRE prints them.
    const wire = svids.map(({ id, token, hint }) => ({ spiffe_id: id.toString(), svid: token, hint }));
    const keys = [...bundles].map((bundle) => [bundle.trustDomain.idString, base64(bundle.toJwks())]);
    terminal.out(plainJson([{ svids: wire }, { bundles: Object.fromEntries(keys) }]));
    return;
  }
  const blocks = svids.map(({ id, token, hint }) =>
    facts([["SPIFFE ID", id.toString()], ...(hint === "" ? [] : [["Hint", hint] as const]), ["Token", token]]),
  );
  terminal.out(blocks.join("\n\n"));
}

export async function validateJwt(options: ValidateJwtOptions, { terminal, readStdin }: CommandContext): Promise<void> {
  const token = options.svid === "-" ? (await readStdin()).trim() : options.svid;
  const { id, claims } = await withWorkloadApi(options.socket, (client) =>
    client.validateJwtSvid(options.audience, token, { timeoutMs: options.timeout * 1000 }),
  );
  // Claims are the issuer's own: they are printed as they are.
  if (options.output === "json") terminal.out(plainJson({ spiffe_id: id.toString(), claims }));
  else {
    terminal.out(
      facts([
        ["SPIFFE ID", id.toString()],
        ["Claims", JSON.stringify(claims)],
      ]),
    );
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
