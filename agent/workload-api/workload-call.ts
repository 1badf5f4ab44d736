import type { Clock } from "../../runtime/core/index.ts";
import type { Selector } from "../../spiffe/index.ts";
import type { ResponseSink, RpcContext, ServiceError } from "../../transport/index.ts";
import type { Identities, IdentitySubscription, WorkloadCaller, WorkloadView } from "../ports.ts";
import { callerOf } from "./caller.ts";
import type { WorkloadApiDeps } from "./deps.ts";
import { Hold, type HoldTable } from "./hold.ts";
import { agentNotReady } from "./refusal.ts";
import type { Turnstile } from "./turnstile.ts";

const readyPollMs = 50;
const woken = new Error("look again");

/** What all calls of one Workload API share. */
export interface CallResources extends WorkloadApiDeps {
  readonly holds: HoldTable;
  readonly turnstiles: { readonly opening: Turnstile; readonly updating: Turnstile };
}

/**
 * One call from a workload: who it is (asked again before every answer), what it may have, and how long it may wait
 * for that. All awaiting ends when the call does, or when `end` is called.
 */
export class WorkloadCall implements Disposable {
  readonly caller: WorkloadCaller;
  readonly #resources: CallResources;
  readonly #context: RpcContext;
  readonly #onAbort = (): void => this.end(this.#context.signal.reason);
  readonly #onClosed: (call: WorkloadCall) => void;
  #ended: { readonly error: unknown } | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #wait: AbortController | undefined;
  #isWakePending = false;
  #selectors: readonly Selector[] = [];
  #subscription: IdentitySubscription | undefined;
  #seenVersion = -1;
  #hold: Hold | undefined;
  #holdTimer: ReturnType<Clock["setTimer"]> | undefined;

  /** @throws ServiceError ERR_CALLER_UNKNOWN */
  constructor(resources: CallResources, context: RpcContext, onClosed: (call: WorkloadCall) => void) {
    this.caller = callerOf(context.peer);
    this.#resources = resources;
    this.#context = context;
    this.#onClosed = onClosed;
    if (context.signal.aborted) this.#onAbort();
    else context.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** As attested last. */
  get selectors(): readonly Selector[] {
    return this.#selectors;
  }

  /** Waits for its turn: many calls of one uid keep no other waiting. Before anything else is done for the call. */
  async begin(): Promise<void> {
    await this.#pass(this.#resources.turnstiles.opening);
  }

  /** Attests again. */
  async selectorsNow(): Promise<readonly Selector[]> {
    const found = this.#resources.attestation.attest(this.caller, this.#context.signal);
    return found instanceof Promise ? await this.#interruptible(found) : found;
  }

  /**
   * Waits for the agent to be ready, attests the caller, and returns what it has now.
   * @throws ServiceError ERR_AGENT_NOT_READY, ERR_HOLD_LIMIT and the codes of attestation
   */
  async open(): Promise<WorkloadView> {
    for (let state = this.#resources.state(); state.notReady !== undefined; state = this.#resources.state()) {
      this.hold(false, agentNotReady(state.notReady));
      await this.#pause(readyPollMs);
    }
    return await this.#attestedView();
  }

  /** Waits until there is something to look at (a new view, new selectors, the end of a hold), attests again, returns the view. */
  async next(): Promise<WorkloadView> {
    await this.#changed();
    await this.#pass(this.#resources.turnstiles.updating);
    return await this.#attestedView();
  }

  /**
   * Lets the next `next` wait for what is left of the hold.
   * @throws `refusal` when that is nothing; ServiceError ERR_HOLD_LIMIT
   */
  hold(isCurrent: boolean, refusal: ServiceError): void {
    const { clock, config, holds } = this.#resources;
    this.#hold ??= new Hold(holds, this.caller.uid, this.#context.deadlineLeftMs(), clock, config);
    const leftMs = this.#hold.leftMs(isCurrent);
    if (leftMs <= 0) throw refusal;
    this.#holdTimer?.cancel();
    this.#holdTimer = clock.setTimer(leftMs, () => this.wake());
  }

  /** The caller has something now: it is not held any more. */
  release(): void {
    this.#holdTimer?.cancel();
    this.#hold?.[Symbol.dispose]();
    this.#hold = undefined;
  }

  /** Resolves when the transport wants more. Until then nothing else is prepared for this caller: no queue. */
  async send<Response>(sink: ResponseSink<Response>, bytes: Uint8Array): Promise<void> {
    await this.#interruptible(sink.send(bytes));
  }

  /** The caller is looked at again soon. */
  wake(): void {
    if (this.#wait === undefined) this.#isWakePending = true;
    else this.#wait.abort(woken);
  }

  /** Ends the call with `error`, whatever it waits for. The first end counts. */
  end(error: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    this.#wait?.abort(error);
    this.#reject?.(error);
  }

  [Symbol.dispose](): void {
    this.#context.signal.removeEventListener("abort", this.#onAbort);
    this.release();
    this.#subscription?.close();
    this.#onClosed(this);
  }

  async #pass(turnstile: Turnstile): Promise<void> {
    const turn = turnstile.take(this.caller.uid);
    if (turn !== undefined) await this.#interruptible(turn);
  }

  async #attestedView(): Promise<WorkloadView> {
    const selectors = await this.selectorsNow();
    const { view } = this.#subscriptionFor(selectors, this.#resources.identities);
    this.#seenVersion = view.version;
    return view;
  }

  #subscriptionFor(selectors: readonly Selector[], identities: Identities): IdentitySubscription {
    const previous = this.#subscription;
    if (previous !== undefined && selectors === this.#selectors) return previous;
    const subscription = identities.subscribe(selectors);
    this.#selectors = selectors;
    this.#subscription = subscription;
    // Closed after the new one is open, so that SVIDs common to both are not dropped in between.
    previous?.close();
    return subscription;
  }

  async #changed(): Promise<void> {
    const subscription = this.#subscription;
    if (subscription === undefined || subscription.view.version !== this.#seenVersion) return;
    await this.#until((signal) => subscription.changed(signal));
  }

  async #pause(delayMs: number): Promise<void> {
    await this.#until((signal) => this.#resources.clock.sleep(delayMs, { signal }));
  }

  async #until(wait: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended.error;
    if (this.#isWakePending) {
      this.#isWakePending = false;
      return;
    }
    const controller = new AbortController();
    this.#wait = controller;
    try {
      await wait(controller.signal);
    } catch (error) {
      if (error !== woken) throw error;
    } finally {
      this.#wait = undefined;
    }
  }

  /** A hand-made race: Promise.race with a promise that lives as long as the stream would grow with every update. */
  #interruptible<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const settled = (settle: () => void): void => {
        this.#reject = undefined;
        settle();
      };
      if (this.#ended === undefined) this.#reject = reject;
      else reject(this.#ended.error);
      work.then(
        (value) => settled(() => resolve(value)),
        (error: unknown) => settled(() => reject(error)),
      );
    });
  }
}
