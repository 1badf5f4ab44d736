import picocolors from "picocolors";

/** Says what happens as it happens, with the seconds since the start. */
export class Stage {
  readonly #started = performance.now();

  act(text: string): void {
    console.log(`\n${picocolors.bold(text)}`);
  }

  tell(who: string, text: string): void {
    console.log(`${picocolors.dim(this.#clock())} ${picocolors.cyan(who.padEnd(9))} ${text}`);
  }

  fail(text: string): void {
    console.log(`${picocolors.dim(this.#clock())} ${picocolors.red("FAILED")}    ${text}`);
  }

  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  #clock(): string {
    return `${this.seconds.toFixed(1).padStart(5)} s`;
  }
}
