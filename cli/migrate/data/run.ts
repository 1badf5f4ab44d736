import { type Clock, systemClock } from "../../../runtime/core/index.ts";
import type { CommandContext, Finish } from "../../context.ts";
import { exitCodes, inputError } from "../../exit-codes.ts";
import { plainJson, printable } from "../../output.ts";
import { type EndsOptions, withEnds } from "../ends.ts";
import { type CopyReport, copyOnce, isDifferent, refusalsOf } from "./copy.ts";
import { readParents } from "./given-parents.ts";
import { reportJson, reportText } from "./report.ts";

export interface DataOptions extends EndsOptions {
  readonly map?: readonly string[];
  readonly mapFile?: string;
  readonly dryRun?: boolean;
  readonly watch?: boolean;
  /** Seconds. */
  readonly interval: number;
  /** Seconds; 0 = for ever. */
  readonly timeout: number;
}

/** Copies what a SPIRE server has of entries and federation; doing it again changes nothing. */
export async function migrateData(
  options: DataOptions,
  context: CommandContext,
  finish: Finish,
  clock: Clock = systemClock,
): Promise<void> {
  if (options.watch === true && options.dryRun === true)
    throw inputError("ERR_USAGE", "--watch cannot be combined with --dry-run");
  const report = await look(options, context, clock);
  print(report, options, context);
  let isRefused = refusalsOf(report) > 0;
  if (options.watch === true) isRefused = await follow(report, options, context, clock);
  if (isRefused) finish(exitCodes.refused);
  else if (options.dryRun === true && isDifferent(report)) finish(exitCodes.differs);
}

/** Whether something was refused when it was last looked. */
async function follow(
  first: CopyReport,
  options: DataOptions,
  context: CommandContext,
  clock: Clock,
): Promise<boolean> {
  const started = clock.monotonic();
  let last = first;
  let failure = "";
  while (options.timeout === 0 || clock.monotonic() - started < options.timeout * 1000) {
    await clock.sleep(waitMs(options, clock.monotonic() - started));
    try {
      const report = await look(options, context, clock);
      if (isDifferent(report) || openText(report) !== openText(last)) print(report, options, context);
      [last, failure] = [report, ""];
    } catch (error) {
      // Both servers may restart at any time; it is said once.
      const text = error instanceof Error ? error.message : String(error);
      if (text !== failure) context.terminal.err(printable(`could not look, trying on: ${text}`));
      failure = text;
    }
  }
  return refusalsOf(last) > 0 || failure !== "";
}

function look(options: DataOptions, context: CommandContext, clock: Clock): Promise<CopyReport> {
  return withEnds(options, context, async (ends) => {
    const given = await readParents(options.map ?? [], options.mapFile, ends.trustDomain);
    const progress = (text: string): void => {
      if (options.output === "pretty") context.terminal.err(text);
    };
    return copyOnce(ends, { given, onlyLook: options.dryRun === true, nowMs: clock.now(), progress });
  });
}

/** Until the next look, or until the time is over. */
export function waitMs({ interval, timeout }: Pick<DataOptions, "interval" | "timeout">, passedMs: number): number {
  return timeout === 0 ? interval * 1000 : Math.max(0, Math.min(interval * 1000, timeout * 1000 - passedMs));
}

/** What stays open from one look to the next. */
function openText({ bundles, relationships, entries }: CopyReport): string {
  return JSON.stringify([bundles.refused, relationships.refused, entries.refused, entries.waiting, entries.left]);
}

function print(report: CopyReport, { output, dryRun }: DataOptions, { terminal }: CommandContext): void {
  terminal.out(output === "json" ? plainJson(reportJson(report)) : reportText(report, dryRun === true));
}
