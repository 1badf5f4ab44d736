/** What `@countersign/workload` can be imported as, and the file that it is made of. One line per entry point. */
export const entries = [
  { subpath: ".", name: "index", source: "sdk/index.ts" },
  { subpath: "./grpc", name: "grpc", source: "sdk/grpc/index.ts" },
  { subpath: "./testing", name: "testing", source: "sdk/testing/index.ts" },
];
