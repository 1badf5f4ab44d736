import { type Clock, systemClock } from "../../../runtime/core/index.ts";
import type { CommandContext, Finish } from "../../context.ts";
import { exitCodes, inputError } from "../../exit-codes.ts";
import { plainJson, printable } from "../../output.ts";
import { waitMs } from "../data/run.ts";
import { type Ends, type EndsOptions, withEnds } from "../ends.ts";
import { Alarms } from "./alarms.ts";
import { type Line, linesOf } from "./lines.ts";
import { mirrorOnce } from "./mirror.ts";
import type { Seen } from "./plan.ts";
import { readSeen, writeSeen } from "./state-file.ts";

export interface TrustOptions extends EndsOptions {
  readonly watch?: boolean;
  readonly once?: boolean;
  readonly check?: boolean;
  readonly state: string;
  /** Seconds. */
  readonly interval: number;
  readonly lag: number;
  /** Seconds; 0 = for ever. */
  readonly timeout: number;
}

interface Mirror {
  readonly options: TrustOptions;
  readonly context: CommandContext;
  readonly clock: Clock;
}

/** Keeps two servers of one trust domain trusting each other's authorities. */
export async function migrateTrust(
  options: TrustOptions,
  context: CommandContext,
  finish: Finish,
  clock: Clock = systemClock,
): Promise<void> {
  const modes = [options.watch, options.once, options.check].filter((mode) => mode === true).length;
  if (modes !== 1) throw inputError("ERR_USAGE", "one of --watch, --once and --check is needed");
  const mirror = { options, context, clock };
  if (options.watch === true) await watch(mirror, finish);
  else await once(mirror, finish);
}

async function once({ options, context, clock }: Mirror, finish: Finish): Promise<void> {
  const onlyLook = options.check === true;
  const round = await withEnds(options, context, async (ends) => {
    const seen = await readSeen(options.state, ends.trustDomain);
    const result = await mirrorOnce(ends, seen, clock.now(), onlyLook);
    if (!onlyLook) await keep(options.state, ends, seen, result.seen);
    return result;
  });
  for (const line of linesOf(round)) report(line, options, context);
  const open = round.undone.length + round.refusals.length;
  const isInStep = open === 0;
  if (options.output === "json") context.terminal.out(plainJson({ in_step: isInStep, done: round.done.length, open }));
  else context.terminal.out(isInStep ? "both servers trust the same authorities" : `${open} differences are left`);
  if (!isInStep) finish(onlyLook && round.refusals.length === 0 ? exitCodes.differs : exitCodes.refused);
}

async function watch({ options, context, clock }: Mirror, finish: Finish): Promise<void> {
  const alarms = new Alarms(options.lag * 1000);
  const started = clock.monotonic();
  let seen: Seen | undefined;
  // A server that hangs must not keep the alarm waiting.
  const answerWithinMs = Math.max(1_000, options.lag * 1000);
  for (;;) {
    const lookedAt = clock.monotonic();
    const look = async (ends: Ends): Promise<void> => {
      const before = seen ?? (await readSeen(options.state, ends.trustDomain));
      const round = await mirrorOnce(ends, before, clock.now(), false);
      await keep(options.state, ends, before, round.seen);
      if (seen === undefined) report({ event: "watching", text: "both servers answer" }, options, context);
      seen = round.seen;
      const lines = linesOf(round);
      const open = lines.filter(({ event }) => event === "alarm");
      for (const line of lines.filter(({ event }) => event === "done")) report(line, options, context);
      for (const line of alarms.after(open, clock.monotonic())) report(line, options, context);
    };
    try {
      await withEnds(options, context, look, answerWithinMs);
    } catch (error) {
      // What is wrong from the start is for whoever started it; later on both servers may restart at any time.
      if (seen === undefined || isOfInput(error)) throw error;
      const text = error instanceof Error ? error.message : String(error);
      for (const line of alarms.failed(text, lookedAt, clock.monotonic())) report(line, options, context);
    }
    if (options.timeout > 0 && clock.monotonic() - started >= options.timeout * 1000) break;
    await clock.sleep(waitMs(options, clock.monotonic() - started));
  }
  if (alarms.areRaised) finish(exitCodes.refused);
}

function isOfInput(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    ["ERR_MIRROR_STATE", "ERR_OTHER_TRUST_DOMAIN"].includes(String(error.code))
  );
}

async function keep(path: string, { trustDomain }: Ends, before: Seen, now: Seen): Promise<void> {
  const isSame = (["from", "to"] as const).every(
    (side) => before[side].size === now[side].size && [...now[side].keys()].every((key) => before[side].has(key)),
  );
  if (!isSame) await writeSeen(path, trustDomain, now);
}

function report(
  { event, text }: Pick<Line, "event" | "text">,
  { output }: TrustOptions,
  { terminal }: CommandContext,
): void {
  if (output === "json") terminal.err(plainJson({ event, text }));
  else terminal.err(printable(event === "alarm" ? `ALARM: ${text}` : text));
}
