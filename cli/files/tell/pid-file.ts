import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { filesLimits } from "../limits.ts";
import { Attempts, type AttemptsDeps } from "./attempts.ts";
import type { Tell } from "./tell.ts";

export interface PidFileOptions extends AttemptsDeps {
  readonly path: string;
  readonly signal: NodeJS.Signals;
  readonly ownPid: number;
  readonly kill: (pid: number, signal: NodeJS.Signals) => void;
}

/** A signal to the process whose id is in a file, which is read each time: the process may have changed. */
export class PidFileSignal implements Tell {
  readonly #options: PidFileOptions;
  readonly #attempts: Attempts;

  constructor(options: PidFileOptions) {
    this.#options = options;
    this.#attempts = new Attempts(`${options.signal} to the process of ${options.path}`, options);
  }

  changed(): void {
    const { path, signal, ownPid, kill, logger } = this.#options;
    this.#attempts.start(async () => {
      const pid = parsePid(await readStart(path));
      if (pid === ownPid) throw new Error("it is this process's own id");
      kill(pid, signal);
      logger.info({ pid, signal }, "told the process");
    });
  }

  close(): Promise<void> {
    return this.#attempts.close();
  }
}

/**
 * Of the first line, as PostgreSQL's has more. Never 0 or less: those mean groups of processes, or all.
 * @throws Error
 */
export function parsePid(text: string): number {
  const [, digits] = /^[ \t]*([1-9]\d{0,9})[ \t]*(?:\r?\n|$)/.exec(text) ?? [];
  const pid = Number(digits ?? 0);
  if (pid < 1 || pid > 0x7fff_ffff) throw new Error("its first line is no process id");
  return pid;
}

async function readStart(path: string): Promise<string> {
  // Without waiting: a pipe in the file's place would keep its reader for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const buffer = Buffer.alloc(filesLimits.pidFileBytes.value);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}
