// Regenerates proto/gen (TypeScript types of the wire messages) from the .proto sources.
import { execFileSync } from "node:child_process";
import { globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { descriptorsModule } from "./descriptors.ts";

rmSync("proto/gen", { recursive: true, force: true });
const sources = globSync("proto/**/*.proto").map((path) => path.replace(/^proto\//, ""));
execFileSync(
  "node_modules/.bin/proto-loader-gen-types",
  [
    "--longs=String",
    "--enums=Number",
    "--bytes=Buffer",
    "--keepCase",
    "--defaults",
    "--oneofs",
    "--grpcLib=@grpc/grpc-js",
    "--importFileExtension=.ts",
    "-I",
    "proto",
    "-O",
    "proto/gen",
    ...sources.sort(),
  ],
  { stdio: "inherit" },
);
// The top-level files that bundle client constructors are used by nothing here; those of workload.proto, which has no
// package, stay.
for (const path of globSync("proto/gen/*.ts")) {
  if (readFileSync(path, "utf8").includes("ProtoGrpcType")) rmSync(path);
}
writeFileSync("proto/gen/descriptors.ts", descriptorsModule("proto"));
