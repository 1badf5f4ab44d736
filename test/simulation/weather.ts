import type { Clock, Random } from "../../runtime/core/index.ts";

/** What becomes of a call between an agent and the server. */
export type Reach =
  | "open"
  /** Connecting fails at once; connections of before are broken. */
  | "refused"
  /** Nothing arrives and nobody says so, until keep-alive gives the connection up. */
  | "silent";

/** As the link's keep-alive: asked every 30 s, given up 10 s later. */
const keepAliveMs = 40_000;

/** The network between one agent and the server. */
export class Weather {
  readonly #clock: Clock;
  readonly #random: Random;
  #reach: Reach = "open";
  #generation = 0;
  /** How many of the coming answers are lost on their way back. */
  answersToLose = 0;
  /** Called when every connection must break. */
  onBreak: () => void = () => {};
  /** Called when an answer is lost. */
  onLoss: () => void = () => {};

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  get reach(): Reach {
    return this.#reach;
  }

  become(reach: Reach): void {
    this.#reach = reach;
    this.#generation += 1;
    const own = this.#generation;
    if (reach === "refused") this.onBreak();
    if (reach !== "silent") return;
    this.#clock.setTimer(keepAliveMs, () => {
      if (own === this.#generation || this.#reach === "open") this.onBreak();
    });
  }

  /** Milliseconds that a message is on its way. */
  latencyMs(): number {
    return 1 + Math.floor(this.#random.float() * 40);
  }

  losesAnswer(): boolean {
    if (this.answersToLose === 0) return false;
    this.answersToLose -= 1;
    this.onLoss();
    return true;
  }
}
