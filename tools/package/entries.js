/** What `@countersign/workload` can be imported as, and the file that it is made of. One line per entry point. */
export const entries = [{ subpath: ".", name: "index", source: "sdk/index.ts" }];
