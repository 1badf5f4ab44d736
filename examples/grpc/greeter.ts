import { fileURLToPath } from "node:url";
import { makeClientConstructor, type ServiceDefinition } from "@grpc/grpc-js";
import { type AnyDefinition, loadSync } from "@grpc/proto-loader";

const proto = fileURLToPath(new URL("greeter.proto", import.meta.url));

/** The service of greeter.proto, as grpc-js wants it. */
export const greeter: ServiceDefinition = serviceOf(loadSync(proto)["greeter.Greeter"]);
export const GreeterClient = makeClientConstructor(greeter, "Greeter");

function serviceOf(definition: AnyDefinition | undefined): ServiceDefinition {
  if (definition === undefined || "format" in definition) throw new Error("greeter.proto has no service");
  return definition;
}
