import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import type { MintJwtOptions } from "../mint/jwt.ts";
import type { MintX509Options } from "../mint/x509.ts";
import { collect, parseLife, withServerSocket } from "../options.ts";
import { withExamples } from "./examples.ts";

export function addMintCommands(program: Command, context: CommandContext): void {
  const id = "spiffe://example.org/db";
  const x509 = program
    .command("x509")
    .description("X.509-SVIDs without an entry")
    .command("mint")
    .description("make a key and an X.509-SVID for it, on your word alone")
    .requiredOption("--spiffe-id <id>", "whose SVID")
    .option("--ttl <life>", "how long it lives: seconds, or 1h30m; 0: the server's default", parseLife, 0)
    .option("--dns <name>", "a DNS name in it; may be repeated", collect, [])
    .option("--write <folder>", "write svid.pem, key.pem (only for you) and bundle.pem there instead of printing them");
  withExamples(withServerSocket(x509, context), `x509 mint --spiffe-id ${id} --ttl 1h --write .`).action(
    async (options: MintX509Options) => (await import("../mint/x509.ts")).mintX509(options, context),
  );
  const jwt = program
    .command("jwt")
    .description("JWT-SVIDs without an entry")
    .command("mint")
    .description("make a JWT-SVID, on your word alone")
    .requiredOption("--spiffe-id <id>", "whose SVID")
    .requiredOption("--audience <name>", "whom it is for; may be repeated", collect)
    .option("--ttl <life>", "how long it lives: seconds, or 1h30m; 0: the server's default", parseLife, 0)
    .option("--write <file>", "write the token there, only for you, instead of printing it");
  withExamples(withServerSocket(jwt, context), `jwt mint --spiffe-id ${id} --audience payments`).action(
    async (options: MintJwtOptions) => (await import("../mint/jwt.ts")).mintJwt(options, context),
  );
}
