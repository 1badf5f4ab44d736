import { errorFields } from "../../../runtime/core/index.ts";
import type { FilesConfig } from "../config/files-config.ts";
import type { AttemptsDeps } from "./attempts.ts";
import { Command } from "./command.ts";
import { HttpCall } from "./http-call.ts";
import { PidFileSignal } from "./pid-file.ts";
import type { Tell } from "./tell.ts";

export interface Surroundings extends AttemptsDeps {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
}

/** Everyone whom the configuration names; one that fails keeps nobody else from learning. */
export function tellAll(config: FilesConfig, surroundings: Surroundings): Tell {
  const { renewSignal, pidFile, notifyUrl, notifyTimeoutMs, command } = config;
  const all: Tell[] = [];
  if (command !== undefined) all.push(new Command({ ...command, renewSignal, ...surroundings }));
  if (pidFile !== undefined && renewSignal !== undefined) {
    const kill = (pid: number, signal: NodeJS.Signals): void => void process.kill(pid, signal);
    all.push(
      new PidFileSignal({ path: pidFile, signal: renewSignal, ownPid: surroundings.pid, kill, ...surroundings }),
    );
  }
  if (notifyUrl !== undefined) all.push(new HttpCall({ url: notifyUrl, timeoutMs: notifyTimeoutMs, ...surroundings }));
  const failed = (error: unknown): void =>
    surroundings.logger.error(errorFields(error), "one of those to be told failed");
  return {
    changed: (changed) => {
      for (const one of all) {
        try {
          one.changed(changed);
        } catch (error) {
          failed(error);
        }
      }
    },
    close: async () => {
      await Promise.all(all.map((one) => one.close().catch(failed)));
    },
  };
}
