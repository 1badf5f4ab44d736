import { type CommandChannel, withServer } from "../../connect.ts";
import type { CommandContext, Finish } from "../../context.ts";
import { cliErrorSpecs } from "../../errors.ts";
import { CommandError, exitCodes, inputError } from "../../exit-codes.ts";
import type { ServerOptions } from "../../options.ts";
import { printable, toJson } from "../../output.ts";
import { createEntries, deleteEntries, type ItemResult, succeeded, updateEntries } from "../mutations.ts";
import { everyEntry } from "../show.ts";
import { documentOf, identityOf } from "./document.ts";
import { type Plan, planOf } from "./plan.ts";
import { planJson, planText } from "./print-plan.ts";
import { type Declaration, readDeclaration } from "./read.ts";

export interface ApplyOptions extends ServerOptions {
  readonly file: readonly string[];
  readonly owner?: string;
  readonly prune: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly allowEmpty?: boolean;
}

interface Done {
  readonly action: "create" | "update" | "delete";
  readonly result: ItemResult;
}

/**
 * Makes the server have what the files declare. Shows the differences and asks first; deletes only what the owner of the
 * files owns. Nothing is changed when the files have a problem, or when the differences are no longer those that were shown.
 * Applying again changes nothing. There is no lock: at the end the server has what the files declare, or this one, or
 * whoever changed entries last, ends with ERR_CHANGED_MEANWHILE.
 */
export async function apply(options: ApplyOptions, context: CommandContext, finish: Finish): Promise<void> {
  const declaration = await readDeclaration(options.file, options.owner, context);
  if (declaration.entries.length === 0 && options.allowEmpty !== true)
    throw inputError(
      "ERR_ENTRY_FILE",
      "the files declare no entry",
      "is the folder right? --allow-empty applies nothing",
    );
  await withServer(options, context, (channel) => applyOver(channel, declaration, options, context, finish));
}

async function applyOver(
  channel: CommandChannel,
  declaration: Declaration,
  options: ApplyOptions,
  context: CommandContext,
  finish: Finish,
): Promise<void> {
  const { terminal } = context;
  const asJson = options.output === "json";
  const lookAgain = async (): Promise<Plan> =>
    planOf(declaration.entries, await everyEntry(channel, {}), declaration.owner, options.prune);
  const plan = await lookAgain();
  if (plan.problems.length > 0)
    throw inputError("ERR_ENTRY_FILE", ["cannot be applied", ...plan.problems].join("\n  "));
  if (!asJson) terminal.out(planText(plan));
  const isSame = isDone(plan);
  if (isSame || options.dryRun === true) {
    if (asJson) terminal.out(toJson(planJson(plan)));
    if (!isSame) finish(exitCodes.differs);
    return;
  }
  if (options.yes !== true) {
    await ask(context);
    if (planText(await lookAgain()) !== planText(plan))
      throw changedMeanwhile("entries changed while the question was open; nothing was changed by this");
  }
  const done = await carryOut(channel, plan);
  if (asJson) {
    const results = done.map(({ action, result: { id, status } }) => ({ action, id, status }));
    terminal.out(toJson({ ...planJson(plan), results }));
  } else printDone(done, plan, context);
  if (done.some(({ result }) => !succeeded(result))) finish(exitCodes.refused);
  else if (!isDone(await lookAgain())) throw changedMeanwhile("somebody else changed these entries at the same time");
}

function isDone({ create, update, remove, problems }: Plan): boolean {
  return create.length + update.length + remove.length + problems.length === 0;
}

function changedMeanwhile(message: string): CommandError {
  const code = "ERR_CHANGED_MEANWHILE";
  return new CommandError(exitCodes.refused, message, { code, hint: cliErrorSpecs[code].fix });
}

async function ask(context: CommandContext): Promise<void> {
  const answer = await context.confirm?.("Apply? Only 'yes' applies: ");
  if (answer === undefined)
    throw inputError("ERR_USAGE", "there is no terminal to ask on", "--yes applies without asking");
  if (answer) return;
  throw new CommandError(exitCodes.refused, "nothing was changed", { code: "ERR_NOT_CONFIRMED", hint: undefined });
}

/** Entries that stand in the way of others are deleted before, all others last, and only when the rest went well. */
async function carryOut(channel: CommandChannel, plan: Plan): Promise<readonly Done[]> {
  const changed = [...plan.create, ...plan.update];
  const wanted = new Set(changed.map(({ entry }) => identityOf(documentOf(entry))));
  const ids = Map.groupBy(plan.remove, (document) => (wanted.has(identityOf(document)) ? "first" : "last"));
  const remove = async (when: "first" | "last"): Promise<readonly Done[]> =>
    (
      await deleteEntries(
        channel,
        (ids.get(when) ?? []).map(({ id = "" }) => id),
      )
    ).map((result) => ({ action: "delete", result }));
  const done: Done[] = [...(await remove("first"))];
  const created = await createEntries(
    channel,
    plan.create.map(({ entry }) => entry),
  );
  done.push(...created.map((result) => ({ action: "create" as const, result })));
  const updated = await updateEntries(
    channel,
    plan.update.map(({ entry }) => entry),
    undefined,
  );
  done.push(...updated.map((result) => ({ action: "update" as const, result })));
  if (done.every(({ result }) => succeeded(result))) done.push(...(await remove("last")));
  return done;
}

function printDone(done: readonly Done[], plan: Plan, { terminal }: CommandContext): void {
  const failed = done.filter(({ result }) => !succeeded(result));
  for (const { action, result } of failed)
    terminal.err(`Error: ${printable(result.id)}: cannot ${action}: ${printable(result.status.message)}`);
  const left = plan.create.length + plan.update.length + plan.remove.length - done.length;
  const rest = left > 0 ? `, ${left} not deleted because of that` : "";
  terminal.out(`${done.length - failed.length} done${failed.length > 0 ? `, ${failed.length} failed${rest}` : ""}`);
}
