import { type Clock, systemClock } from "../../runtime/core/index.ts";
import type { WorkloadError } from "../../sdk/index.ts";
import type { CommandContext, Finish } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { plainJson, printable } from "../output.ts";
import { withWorkloadApi } from "./client.ts";
import type { WatchOptions } from "./options.ts";
import { contextJson, contextText } from "./print.ts";

/** One line of JSON, or one block of text, per update; problems go to standard error and are waited out. */
export async function watch(
  options: WatchOptions,
  { terminal }: CommandContext,
  finish: Finish,
  clock: Clock = systemClock,
): Promise<void> {
  const abort = new AbortController();
  const timer = options.timeout > 0 ? clock.setTimer(options.timeout * 1000, () => abort.abort()) : undefined;
  const onProblem = ({ message, reason, code }: WorkloadError, retryInMs: number): void => {
    const next = `trying again in ${Math.round(retryInMs)} ms`;
    if (options.output === "json")
      terminal.err(plainJson({ error: message, code: reason ?? code, retry_in_ms: Math.round(retryInMs) }));
    else terminal.err(`${printable(message)} (${printable(reason ?? code)}); ${next}`);
  };
  let updates = 0;
  try {
    await withWorkloadApi(options.socket, async (client) => {
      for await (const context of client.watchX509Context({ signal: abort.signal, onProblem })) {
        updates += 1;
        terminal.out(options.output === "json" ? contextJson(context) : `${contextText(context)}\n`);
        if (updates === options.count) break;
      }
    });
  } finally {
    timer?.cancel();
  }
  if (updates < options.count) finish(exitCodes.timedOut);
}
