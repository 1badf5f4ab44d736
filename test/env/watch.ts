import { WorkloadApiClient, type WorkloadError, type X509Context } from "../../sdk/index.ts";

/** What a workload sees of the Workload API: every update and every problem, and a way to wait for one of them. */
export class Watch implements AsyncDisposable {
  readonly updates: X509Context[] = [];
  readonly problems: WorkloadError[] = [];
  readonly #abort = new AbortController();
  readonly #client: WorkloadApiClient;
  readonly #waiting = new Set<() => void>();
  readonly #ended: Promise<void>;

  constructor(socket: string) {
    this.#client = WorkloadApiClient.create({ endpoint: `unix://${socket}` });
    this.#ended = this.#follow();
  }

  /** Resolves with the first update (also an earlier one, from index `from`) that `matches`. */
  async until(matches: (context: X509Context) => boolean, timeoutMs = 15_000, from = 0): Promise<X509Context> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = this.updates.slice(from).find(matches);
      if (found !== undefined) return found;
      await this.#activity(deadline, `no such update within ${timeoutMs} ms`);
    }
  }

  async untilProblem(matches: (problem: WorkloadError) => boolean, timeoutMs = 15_000): Promise<WorkloadError> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = this.problems.find(matches);
      if (found !== undefined) return found;
      await this.#activity(deadline, `no such problem within ${timeoutMs} ms`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    this.#client.close();
    await this.#ended;
  }

  async #follow(): Promise<void> {
    const onProblem = (problem: WorkloadError): void => {
      this.problems.push(problem);
      this.#wake();
    };
    for await (const context of this.#client.watchX509Context({ signal: this.#abort.signal, onProblem })) {
      this.updates.push(context);
      this.#wake();
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #activity(deadline: number, message: string): Promise<void> {
    if (Date.now() > deadline) {
      const seen = this.updates.map(({ svids }) =>
        svids.map((svid) => `${svid.id} ${svid.leaf.serialNumber}`).join(" + "),
      );
      const problems = this.problems.map((problem) => `${problem.code} ${problem.reason ?? ""} ${problem.message}`);
      throw new Error(`${message}\nupdates: ${seen.join("\n  ")}\nproblems: ${problems.slice(-5).join("\n  ")}`);
    }
    return new Promise((resolve) => {
      const timer = setTimeout(done, 100);
      function done(): void {
        clearTimeout(timer);
        resolve();
      }
      this.#waiting.add(done);
    });
  }
}
