import { type Clock, systemClock } from "../../runtime/core/index.ts";
import type { WorkloadError } from "../../sdk/index.ts";
import type { CommandContext, Finish } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { withWorkloadApi } from "./client.ts";
import { contextJson, contextText } from "./fetch-x509.ts";
import type { WatchOptions } from "./options.ts";

/** One line of JSON, or one block of text, per update; problems go to standard error and are waited out. */
export async function watch(
  options: WatchOptions,
  { terminal }: CommandContext,
  finish: Finish,
  clock: Clock = systemClock,
): Promise<void> {
  const abort = new AbortController();
  const timer = options.timeout > 0 ? clock.setTimer(options.timeout * 1000, () => abort.abort()) : undefined;
  const onProblem = (problem: WorkloadError, retryInMs: number): void => {
    const reason = problem.reason ?? problem.code;
    terminal.err(`${problem.message} (${reason}); trying again in ${Math.round(retryInMs)} ms`);
  };
  let updates = 0;
  await withWorkloadApi(options.socket, async (client) => {
    for await (const context of client.watchX509Context({ signal: abort.signal, onProblem })) {
      updates += 1;
      terminal.out(options.output === "json" ? contextJson(context) : `${contextText(context)}\n`);
      if (updates === options.count) break;
    }
  });
  timer?.cancel();
  if (options.count > 0 && updates < options.count) finish(exitCodes.timedOut);
}
