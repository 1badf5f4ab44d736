import type { Line } from "./lines.ts";

interface Open {
  readonly since: number;
  readonly isRaised: boolean;
}

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
    const over = [...this.#open].filter(([text]) => !texts.has(text));
    for (const [text] of over) this.#open.delete(text);
    return [
      ...over.flatMap(([text, { isRaised }]) =>
        isRaised ? [{ event: "cleared", text: `no longer: ${text}` } as const] : [],
      ),
      ...open.flatMap((line) => this.#raise(line, nowMs)),
    ];
  }

  /** When they could not be looked at: what was open still is. */
  failed(reason: string, nowMs: number): readonly Line[] {
    return this.#raise({ event: "alarm", text: `the servers cannot be compared: ${reason}` }, nowMs);
  }

  #raise(line: Line, nowMs: number): readonly Line[] {
    const { since, isRaised } = this.#open.get(line.text) ?? { since: nowMs, isRaised: false };
    const isDue = line.isLasting === true || nowMs - since >= this.#lagMs;
    this.#open.set(line.text, { since, isRaised: isRaised || isDue });
    return isDue && !isRaised ? [line] : [];
  }
}
