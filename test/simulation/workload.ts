import type { AgentCore, IdentitySubscription, WorkloadView } from "../../agent/index.ts";
import { Selector } from "../../spiffe/index.ts";

/** A workload that watches what its agent gives it, over all lives of the agent. */
export class Workload {
  readonly name: string;
  readonly selectors: ReadonlySet<string>;
  readonly #onView: (view: WorkloadView) => void;
  #subscription: IdentitySubscription | undefined;
  #leaving = new AbortController();
  updates = 0;

  constructor(name: string, selectors: readonly string[], onView: (view: WorkloadView) => void) {
    this.name = name;
    this.selectors = new Set(selectors);
    this.#onView = onView;
  }

  /** What it is given now; `undefined` while its agent is away. */
  get view(): WorkloadView | undefined {
    return this.#subscription?.view;
  }

  follow(core: AgentCore): void {
    this.leave();
    const subscription = core.identities.subscribe([...this.selectors].map((text) => Selector.parse(text)));
    this.#subscription = subscription;
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    this.#onView(subscription.view);
    const watch = async (): Promise<void> => {
      for (;;) {
        const view = await subscription.changed(signal);
        this.updates += 1;
        this.#onView(view);
      }
    };
    watch().catch(() => {});
  }

  /** Its agent is gone. */
  leave(): void {
    this.#subscription = undefined;
    this.#leaving.abort(new Error("the agent is gone"));
  }
}
