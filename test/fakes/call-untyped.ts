import assert from "node:assert/strict";

/** Calls a function as JavaScript does: with any arguments. A method has to be bound. */
export function callUntyped(target: unknown, ...given: readonly unknown[]): unknown {
  assert.ok(typeof target === "function");
  return Reflect.apply(target, undefined, given);
}
