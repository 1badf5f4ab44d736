/** What must never be, and was. A run goes on to its next look, so that several traces of one fault are seen together. */
export class Violations {
  readonly #found: string[] = [];

  add(what: string): void {
    if (this.#found.length < 20) this.#found.push(what);
  }

  get isEmpty(): boolean {
    return this.#found.length === 0;
  }

  list(): string {
    return this.#found.join("\n");
  }
}
