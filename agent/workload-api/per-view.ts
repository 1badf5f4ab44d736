import type { WorkloadView } from "../ports.ts";

/**
 * `make` once per view: all watchers of one selector set share a view, so a rotation that wakes thousands of streams
 * is encoded once. Forgotten with the view.
 */
export function perView<Value>(make: (view: WorkloadView) => Value): (view: WorkloadView) => Value {
  const made = new WeakMap<WorkloadView, { readonly value: Value }>();
  return (view) => {
    const known = made.get(view);
    if (known !== undefined) return known.value;
    const value = make(view);
    made.set(view, { value });
    return value;
  };
}
