// Who may import whom (docs/ARCHITECTURE.md draws it). Each rule says why it exists.
const ours = "^(certs|spiffe|proto|runtime|transport|server|agent|sdk|cli|demo|test|bench|examples|tools)/";
const tests = "\\.(test|types)\\.ts$|^(test|bench|demo|examples|tools)/";

/** `folder` may import, of our folders, only `allowed`. */
function only(name, folder, allowed, comment) {
  const to = { path: ours, pathNot: `^(${[folder, ...allowed].join("|")})(/|\\.ts$)` };
  return { name, severity: "error", comment, from: { path: `^${folder}/`, pathNot: tests }, to };
}

export default {
  forbidden: [
    {
      name: "no-circular",
      severity: "error",
      comment: "A cycle is one module in two files.",
      from: { pathNot: "^proto/gen/" },
      to: { circular: true },
    },
    only("certs-is-a-leaf", "certs", [], "certs must be readable and testable as a crypto library."),
    only("runtime-is-a-leaf", "runtime", [], "A process kit that knows the product is a second product."),
    only("spiffe-on-certs-only", "spiffe", ["certs"], "The vocabulary has no opinion on transport or time sources."),
    only("proto-converts-only", "proto", ["spiffe", "certs", "transport/errors"], "Wire mapping knows no services."),
    only(
      "transport-below-services",
      "transport",
      ["proto", "spiffe", "certs", "runtime"],
      "Connections know no services.",
    ),
    only(
      "server-not-agent",
      "server",
      ["transport", "proto", "spiffe", "certs", "runtime"],
      "Two programs, one contract.",
    ),
    only(
      "agent-not-server",
      "agent",
      ["transport", "proto", "spiffe", "certs", "runtime"],
      "Two programs, one contract.",
    ),
    only(
      "sdk-is-lean",
      "sdk",
      ["certs", "spiffe", "proto/(workload|method)", "transport/(tls|client|errors|grpc)", "runtime/core"],
      "The SDK lives in other people's services: nothing heavy, nothing native.",
    ),
    {
      name: "sdk-without-grpc-js",
      severity: "error",
      comment: "Nothing of grpc-js is loaded unless the user imports sdk/grpc.",
      from: { path: "^sdk/", pathNot: `^sdk/grpc/|${tests}` },
      to: { path: "^sdk/grpc/" },
    },
    {
      name: "kit-serves",
      severity: "error",
      comment: "Of the SDK only the testing kit plays the other side of the wire; and no service carries it along.",
      from: { path: "^sdk/", pathNot: `^sdk/testing/|${tests}` },
      to: { path: "^sdk/testing/|^proto/workload/service-codec|^transport/grpc/" },
    },
    {
      name: "certs-pure",
      severity: "error",
      comment: "certs and spiffe do no I/O: of Node only crypto, buffer, util, and net for isIP.",
      from: { path: "^(certs|spiffe)/", pathNot: tests },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(crypto|buffer|util|net)$" },
    },
    {
      name: "certs-no-packages",
      severity: "error",
      comment: "certs, spiffe and runtime/core have no dependencies.",
      from: { path: "^(certs|spiffe|runtime/core)/", pathNot: tests },
      to: { dependencyTypes: ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg"] },
    },
    {
      name: "domain-is-pure",
      severity: "error",
      comment: "Decisions are tested without a world.",
      from: { path: "^(server|agent)/domain/", pathNot: tests },
      to: { dependencyTypes: ["core", "npm"], pathNot: "^(node:)?crypto$" },
    },
    {
      name: "sqlite-in-its-store",
      severity: "error",
      comment: "One place speaks SQL.",
      from: { pathNot: `^server/store/sqlite/|${tests}` },
      to: { path: "better-sqlite3" },
    },
    {
      name: "grpc-in-transport",
      severity: "error",
      comment:
        "grpc-js is an independent judge of our gRPC, not a part of it (ADR 5): tests, types of proto/gen, and sdk/grpc, for users who have it.",
      from: { pathNot: `^(transport|proto|sdk/grpc)/|${tests}` },
      to: { path: "node_modules/@grpc/" },
    },
    {
      name: "front-door-only",
      severity: "error",
      comment: "A folder's public surface is a decision: outside it only its index.ts is imported.",
      from: { path: "^([^/]+)/", pathNot: tests },
      to: {
        path: "^(certs|spiffe|transport|server|agent|sdk)/",
        pathNot:
          "^$1/|^(certs|spiffe|transport|server|agent|sdk)/index\\.ts$|^transport/(errors|tls|unix|grpc|client)/|^(server|agent)/main\\.ts$",
      },
    },
    {
      name: "adapters-from-main",
      severity: "error",
      comment: "Composition happens once: adapters are named only by the composition roots and their own folder.",
      from: {
        path: "^(server|agent)/",
        pathNot: `^server/store/sqlite/|^server/keymanager/|^(server|agent)/(main|index|compose).*\\.ts$|${tests}`,
      },
      to: { path: "^server/store/sqlite/|^server/keymanager/(disk|memory)/" },
    },
    {
      name: "no-production-to-test",
      severity: "error",
      comment: "Production code never needs test code.",
      from: { pathNot: tests },
      to: { path: tests, pathNot: "^tools/node-version\\.js$" },
    },
    {
      name: "not-to-dev-dependency",
      severity: "error",
      comment:
        "A production install must work. Whoever imports sdk/grpc has grpc-js: it is an optional peer of the SDK.",
      from: { pathNot: `^sdk/grpc/|${tests}` },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"], pathNot: "@types/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^proto/gen/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      extensions: [".ts", ".js", ".mjs", ".json"],
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default"],
    },
  },
};
