import { Selector } from "../../spiffe/index.ts";
import type { Selector__Output, Selector as WireSelector } from "../gen/spire/api/types/Selector.ts";
import type { Problems } from "./problems.ts";

export function encodeSelector(selector: Selector): WireSelector {
  return { type: selector.type, value: selector.value };
}

/** One per given one, in the order given. */
export function readSelectors(
  problems: Problems,
  field: string,
  selectors: readonly Selector__Output[],
): readonly Selector[] {
  return selectors.flatMap(({ type, value }, index) => {
    const selector = problems.attempt(`${field}[${index}]`, () => Selector.of(type, value));
    return selector === undefined ? [] : [selector];
  });
}
