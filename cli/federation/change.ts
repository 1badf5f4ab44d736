import type {
  FederationRelationship,
  FederationRelationship__Output,
} from "../../proto/gen/spire/api/types/FederationRelationship.ts";
import type { Status__Output } from "../../proto/gen/spire/api/types/Status.ts";
import { trustDomainService } from "../../proto/services.ts";
import { grpcStatus } from "../../transport/index.ts";
import { trustDomainFlag } from "../bundle/read-bundle.ts";
import { withServer } from "../connect.ts";
import type { CommandContext, Finish } from "../context.ts";
import { refuseBesideFile } from "../entry/fields.ts";
import { exitCodes, inputError } from "../exit-codes.ts";
import type { ServerOptions } from "../options.ts";
import { printable, toJson } from "../output.ts";
import { federationFacts, federationJson } from "./print.ts";
import { readRelationships } from "./read-file.ts";
import { type RelationshipOptions, relationshipFlags, relationshipOfFlags } from "./relationship.ts";

interface Result {
  readonly status: Status__Output | null;
  readonly federation_relationship: FederationRelationship__Output | null;
}

export async function create(options: RelationshipOptions, context: CommandContext, finish: Finish): Promise<void> {
  const relationships = await newRelationships(options, context);
  const { results } = await withServer(options, context, (channel) =>
    channel.unary(trustDomainService.BatchCreateFederationRelationship, {
      federation_relationships: [...relationships],
    }),
  );
  report(results, "created", relationships, options, context, finish);
}

async function newRelationships(
  options: RelationshipOptions,
  context: CommandContext,
): Promise<readonly FederationRelationship[]> {
  if (options.file !== undefined) return fromFile(options.file, options, context);
  const { relationship, mask } = await relationshipOfFlags(options, context);
  const missing = [
    mask.bundle_endpoint_url === true ? "" : "--bundle-endpoint-url",
    mask.bundle_endpoint_profile === true ? "" : "--bundle-endpoint-profile",
  ].filter((flag) => flag !== "");
  if (missing.length > 0) throw inputError("ERR_USAGE", `missing ${missing.join(", ")}`);
  return [relationship];
}

/** Of flags, just the fields they name; of a file, whole relationships. */
export async function update(options: RelationshipOptions, context: CommandContext, finish: Finish): Promise<void> {
  const isFile = options.file !== undefined;
  const given = isFile ? undefined : await relationshipOfFlags(options, context);
  const relationships =
    given === undefined ? await fromFile(options.file ?? "-", options, context) : [given.relationship];
  if (given !== undefined && !Object.values(given.mask).includes(true)) {
    throw inputError("ERR_USAGE", "nothing to update is given");
  }
  const { results } = await withServer(options, context, (channel) =>
    channel.unary(trustDomainService.BatchUpdateFederationRelationship, {
      federation_relationships: [...relationships],
      ...(given && { input_mask: given.mask }),
    }),
  );
  report(results, "updated", relationships, options, context, finish);
}

async function fromFile(file: string, options: RelationshipOptions, context: CommandContext) {
  refuseBesideFile(relationshipFlags(options));
  return readRelationships(file, context);
}

export async function remove(
  names: readonly string[],
  options: ServerOptions,
  context: CommandContext,
  finish: Finish,
): Promise<void> {
  const trust_domains = names.map((name) => trustDomainFlag("the trust domain", name).name);
  const answer = await withServer(options, context, (channel) =>
    channel.unary(trustDomainService.BatchDeleteFederationRelationship, { trust_domains }),
  );
  const { terminal } = context;
  if (options.output === "json") terminal.out(toJson(answer));
  for (const { status, trust_domain } of options.output === "json" ? [] : answer.results) {
    if (status?.code === grpcStatus.ok)
      terminal.out(`federation relationship with ${printable(trust_domain)} deleted.`);
    else terminal.err(`Error: ${printable(trust_domain)} not deleted: ${printable(status?.message ?? "no status")}`);
  }
  if (answer.results.some(({ status }) => status?.code !== grpcStatus.ok)) finish(exitCodes.refused);
}

function report(
  results: readonly Result[],
  what: string,
  given: readonly FederationRelationship[],
  options: ServerOptions,
  { terminal }: CommandContext,
  finish: Finish,
): void {
  if (options.output === "json") {
    const shown = results.map(({ status, federation_relationship: made }) => ({
      status,
      ...(made && { federation_relationship: federationJson(made) }),
    }));
    terminal.out(toJson({ results: shown }));
  } else {
    for (const [index, { status, federation_relationship: made }] of results.entries()) {
      if (status?.code === grpcStatus.ok && made !== null) terminal.out(`${federationFacts(made)}\n`);
      else {
        const name = given[index]?.trust_domain ?? "";
        terminal.err(`Error: ${printable(name)} not ${what}: ${printable(status?.message ?? "no status")}`);
      }
    }
  }
  if (results.some(({ status }) => status?.code !== grpcStatus.ok)) finish(exitCodes.refused);
}
