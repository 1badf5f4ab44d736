import { type Clock, systemClock } from "../../runtime/core/index.ts";
import type { Observer } from "../observer.ts";

/** What the sources' owner gave them, for those who work with a source and are no part of it. */
interface SourceContext {
  readonly clock: Clock;
  readonly observer?: Observer | undefined;
}

const contexts = new WeakMap<object, SourceContext>();

export function setContext(source: object, context: SourceContext): void {
  contexts.set(source, context);
}

export function contextOf(source: object): SourceContext {
  return contexts.get(source) ?? { clock: systemClock };
}
