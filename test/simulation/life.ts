import { type Clock, sleepWith, type Timer } from "../../runtime/core/index.ts";

const noTimer: Timer = { cancel: () => {} };

/**
 * One life of a process that shares this one with others. When it ends, it ends as a crash does: its timers do not fire,
 * what it was waiting for never comes, what it calls after that has no effect. Nothing is closed.
 */
export class Life {
  #isOver = false;
  readonly #timers = new Set<Timer>();
  /** What others may call; emptied at the end, so that they keep nothing of this life. */
  readonly #callbacks = new Set<{ call: object | undefined }>();
  readonly #over = Promise.withResolvers<undefined>();

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    this.#isOver = true;
    this.#over.resolve(undefined);
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    for (const callback of this.#callbacks) callback.call = undefined;
    this.#callbacks.clear();
  }

  /** What `work` resolves with, or `undefined` when this life ends before. */
  outlasts<Result>(work: Promise<Result>): Promise<Result | undefined> {
    return Promise.race([work, this.#over.promise]);
  }

  clock(clock: Clock): Clock {
    const mortal: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      setTimer: (delayMs, task) => this.#setTimer(clock, delayMs, task),
      sleep: (delayMs, options) => sleepWith(mortal, delayMs, options?.signal),
    };
    return mortal;
  }

  /** `onCall` is told of each call before it is made and after it was carried out; it may end this life. */
  port<Port extends object>(port: Port, onCall: (phase: "before" | "after") => void = () => {}): Port {
    return new Proxy(port, {
      get: (target, name): unknown => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        return (...args: readonly unknown[]): unknown => {
          if (!this.#isOver) onCall("before");
          if (this.#isOver) return never();
          const result: unknown = Reflect.apply(
            member,
            target,
            args.map((argument) => this.#callback(argument)),
          );
          const alive = result instanceof Promise ? this.#whileAlive(result) : result;
          onCall("after");
          return this.#isOver ? never() : alive;
        };
      },
    });
  }

  #setTimer(clock: Clock, delayMs: number, task: () => void): Timer {
    if (this.#isOver) return noTimer;
    const timer = clock.setTimer(delayMs, () => {
      this.#timers.delete(timer);
      task();
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }

  #callback(argument: unknown): unknown {
    if (typeof argument !== "function") return argument;
    const callback: { call: typeof argument | undefined } = { call: argument };
    this.#callbacks.add(callback);
    return (...args: readonly unknown[]): unknown =>
      callback.call === undefined ? never() : Reflect.apply(callback.call, undefined, args);
  }

  #whileAlive(result: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      result.then(
        (value) => {
          if (!this.#isOver) resolve(value);
        },
        (error: unknown) => {
          if (!this.#isOver) reject(error);
        },
      );
    });
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}
