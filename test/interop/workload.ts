import { realpathSync } from "node:fs";
import { Certificate } from "../../certs/index.ts";
import { type LogLine, Running, type SpawnOptions } from "../env/processes.ts";

/**
 * A workload on somebody else's SDK, with one X.509 source for all of its life. It reads commands, one a line, and answers
 * with events, one JSON object a line; README.md lists both.
 */
export class Workload implements AsyncDisposable {
  readonly running: Running;

  private constructor(running: Running) {
    this.running = running;
  }

  static async start(command: string, args: readonly string[], options: SpawnOptions): Promise<Workload> {
    const workload = new Workload(new Running(command, args, options));
    await workload.running.waitFor(({ event }) => event === "ready");
    return workload;
  }

  /** What the agent will find at the end of the process's `exe` link. */
  get executable(): string {
    return realpathSync(`/proc/${this.running.pid}/exe`);
  }

  /** Says `words` and waits for one of `events`. */
  async ask(words: string, ...events: readonly string[]): Promise<LogLine> {
    const from = this.say(words);
    return this.running.waitFor(isOneOf(events), 30_000, from);
  }

  /** Says `words` and does not wait; returns the number of the line from which on answers are to be looked for. */
  say(words: string): number {
    const from = this.running.lines.length;
    this.running.child.stdin?.write(`${words}\n`);
    return from;
  }

  wait(event: string, from: number, timeoutMs = 30_000): Promise<LogLine> {
    return this.running.waitFor(isOneOf([event]), timeoutMs, from);
  }

  /** The first update from line `from` on whose SVID `matches`. */
  async update(matches: (leaf: Certificate) => boolean, from = 0, timeoutMs = 20_000): Promise<Certificate> {
    const isUpdate = (line: LogLine): boolean => line["event"] === "update" && matches(leafOf(line));
    return leafOf(await this.running.waitFor(isUpdate, timeoutMs, from));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.running.stop(1_000);
  }
}

function isOneOf(events: readonly string[]): (line: LogLine) => boolean {
  const wanted = new Set<unknown>(events);
  const isWanted = ({ event }: LogLine): boolean => wanted.has(event);
  Object.defineProperty(isWanted, "name", { value: events.join(" or ") });
  return isWanted;
}

function leafOf(line: LogLine): Certificate {
  return Certificate.parse(Buffer.from(String(line["leaf"]), "base64"));
}
