import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { entries } from "./entries.js";

/** What is loaded from other packages; whatever else the SDK is made of is in its own files. */
const dependencies = ["undici"];

/** What a user may have installed already, and what is used of it only when they hand it to us. */
const optionalPeers = { "@grpc/grpc-js": ">=1.14 <2", "@types/node": ">=20.19" };

/** The published package.json: versions are those that the repository is tested with, exactly. */
export function manifest() {
  const root = JSON.parse(readFileSync(fileURLToPath(new URL("../../package.json", import.meta.url)), "utf8"));
  return {
    name: "@countersign/workload",
    version: root.version,
    description: "Identities for Node services from any SPIFFE Workload API, and mutual TLS with them",
    keywords: ["spiffe", "spire", "workload-identity", "svid", "mtls", "tls", "jwt", "zero-trust"],
    license: root.license,
    type: "module",
    sideEffects: false,
    engines: { node: root.engines.node },
    exports: Object.fromEntries([
      ...entries.map(({ subpath, name }) => [subpath, { types: `./lib/${name}.d.ts`, default: `./lib/${name}.js` }]),
      ["./package.json", "./package.json"],
    ]),
    files: ["lib", "testing", "CHANGELOG.md"],
    dependencies: Object.fromEntries(dependencies.map((name) => [name, root.dependencies[name]])),
    peerDependencies: optionalPeers,
    peerDependenciesMeta: Object.fromEntries(Object.keys(optionalPeers).map((name) => [name, { optional: true }])),
    publishConfig: { access: "public" },
  };
}
