/**
 * Real processes for whole-system tests, benches and the demo: started from the checkout, on temporary directories and
 * free ports, ended with their owner.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const launcher = fileURLToPath(new URL("../../cli/countersign.js", import.meta.url));
/** The same program without the sync service. */
export const launcherWithoutSync: string = fileURLToPath(new URL("without-sync.ts", import.meta.url));

export type LogLine = Readonly<Record<string, unknown>>;

export interface SpawnOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
  readonly cwd?: string;
  /** The Node to run with. Default: this one. */
  readonly execPath?: string;
  /** Default: three pipes. */
  readonly stdio?: readonly ("pipe" | number)[];
  /** The program. Default: `countersign`. */
  readonly launcher?: string;
}

/** A child process whose output is read line by line, both streams in order of arrival; a log line is JSON. */
export class Running implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #stdout: string[] = [];
  readonly #stderr: string[] = [];
  readonly #waiting = new Set<() => void>();
  /** Resolves with the exit code (or the signal's name) once the process has ended and its output is read. */
  readonly ended: Promise<number | string>;
  /** The program and its first words, for messages. */
  readonly #name: string;
  #exit: number | string | undefined;

  constructor(command: string, args: readonly string[], options: SpawnOptions = {}) {
    const words = args.filter((word) => !word.startsWith("-")).slice(0, 3);
    this.#name = [command, ...words].map((word) => basename(word)).join(" ");
    this.child = spawn(command, [...args], {
      stdio: [...(options.stdio ?? ["pipe", "pipe", "pipe"])],
      env: { ...process.env, ...options.environment },
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const { stdout, stderr } = this.child;
    if (stdout === null || stderr === null) throw new Error("the child has no output");
    for (const [stream, own] of [
      [stdout, this.#stdout],
      [stderr, this.#stderr],
    ] as const) {
      createInterface({ input: stream }).on("line", (line) => {
        own.push(line);
        this.#lines.push(line);
        this.#wake();
      });
    }
    this.ended = new Promise((resolve) => {
      this.child.on("error", (error) => {
        this.#stderr.push(error.message);
      });
      this.child.on("close", (code, signal) => {
        this.#exit = code ?? signal ?? "unknown";
        this.#wake();
        resolve(this.#exit);
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Lines of both streams so far. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  get stdout(): string {
    return this.#stdout.join("\n");
  }

  get stderr(): string {
    return this.#stderr.join("\n");
  }

  get log(): readonly LogLine[] {
    return this.#lines.map(parseLine);
  }

  /** Waits for a log line, also among those already read. Fails with the output when the process ends or time is up. */
  async waitFor(matches: (line: LogLine) => boolean, timeoutMs = 30_000, from = 0): Promise<LogLine> {
    const awaited = `a line for which ${matches.name || String(matches)}`;
    let next = from;
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      for (; next < this.#lines.length; next += 1) {
        const line = parseLine(this.#lines[next] ?? "");
        if (matches(line)) return line;
      }
      if (this.#exit !== undefined)
        throw new Error(`${this.#name}: ended with ${this.#exit} before ${awaited}; its last lines:\n${this.tail()}`);
      if (Date.now() > deadline)
        throw new Error(`${this.#name}: not ${awaited} within ${timeoutMs} ms; its last lines:\n${this.tail()}`);
      await this.#activity(deadline - Date.now());
    }
  }

  tail(lines = 30): string {
    return this.#lines.slice(-lines).join("\n");
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.child.kill(signal);
  }

  /** Ends it gracefully (SIGTERM, then SIGKILL after `graceMs`) and returns how it ended. */
  async stop(graceMs = 10_000): Promise<number | string> {
    if (this.#exit === undefined) this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), graceMs);
    const code = await this.ended;
    clearTimeout(timer);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(3_000);
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #activity(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(wake, Math.max(1, Math.min(timeoutMs, 500)));
      function wake(): void {
        clearTimeout(timer);
        resolve();
      }
      this.#waiting.add(wake);
    });
  }
}

/** `countersign …` as its own process. */
export function startCountersign(args: readonly string[], options: SpawnOptions = {}): Running {
  return new Running(options.execPath ?? process.execPath, [options.launcher ?? launcher, ...args], options);
}

export interface CommandResult {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `countersign …` to its end. */
export async function countersign(
  args: readonly string[],
  options: SpawnOptions & { readonly input?: string } = {},
): Promise<CommandResult> {
  const running = startCountersign(args, options);
  running.child.stdin?.end(options.input ?? "");
  const code = await running.ended;
  return { code, stdout: running.stdout, stderr: running.stderr };
}

/** The log line by which a daemon says that it serves. */
export function isReady(line: LogLine): boolean {
  return line["message"] === "ready";
}

function parseLine(text: string): LogLine {
  if (!text.startsWith("{")) return { text };
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : { text };
  } catch {
    return { text };
  }
}
