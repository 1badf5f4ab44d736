import type { Line } from "./lines.ts";

interface Open {
  readonly text: string;
  readonly since: number;
  readonly isRaised: boolean;
}

/** Whatever the reason: two servers that fail in turns are not compared for just as long. */
const notCompared = "the servers cannot be compared";

/**
 * Says once that something is open for longer than it may be, and once that it no longer is. What will not change by
 * trying again is said at once. Times: milliseconds of a monotonic clock.
 */
export class Alarms {
  readonly #lagMs: number;
  readonly #open = new Map<string, Open>();

  constructor(lagMs: number) {
    this.#lagMs = lagMs;
  }

  get areRaised(): boolean {
    return [...this.#open.values()].some(({ isRaised }) => isRaised);
  }

  /** After a look at both servers: everything else is over. */
  after(open: readonly Line[], nowMs: number): readonly Line[] {
    const texts = new Set(open.map(({ text }) => text));
    const over = [...this.#open].filter(([key]) => !texts.has(key));
    for (const [key] of over) this.#open.delete(key);
    return [
      ...over.flatMap(([, { text, isRaised }]) =>
        isRaised ? [{ event: "cleared", text: `no longer: ${text}` } as const] : [],
      ),
      ...open.flatMap((line) => this.#raise(line.text, line, nowMs, nowMs)),
    ];
  }

  /** When they could not be looked at, since `sinceMs`: what was open still is. */
  failed(reason: string, sinceMs: number, nowMs: number): readonly Line[] {
    return this.#raise(notCompared, { event: "alarm", text: `${notCompared}: ${reason}` }, sinceMs, nowMs);
  }

  #raise(key: string, line: Line, sinceMs: number, nowMs: number): readonly Line[] {
    const { text, since, isRaised } = this.#open.get(key) ?? { text: line.text, since: sinceMs, isRaised: false };
    const isDue = line.isLasting === true || nowMs - since >= this.#lagMs;
    this.#open.set(key, { text: isRaised ? text : line.text, since, isRaised: isRaised || isDue });
    return isDue && !isRaised ? [line] : [];
  }
}
