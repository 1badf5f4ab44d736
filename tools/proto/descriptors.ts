// FileDescriptorProtos of .proto sources, as protoc makes them (without source positions), for server reflection.
import { readFileSync } from "node:fs";
import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor/index.js";

/** What is served on an agent's Workload API socket, in full. */
const described = [
  "google/protobuf/struct.proto",
  "grpc/health/v1/health.proto",
  "grpc/reflection/v1/reflection.proto",
  "grpc/reflection/v1alpha/reflection.proto",
  "spiffe/workload/workload.proto",
];

interface Source {
  readonly name: string;
  readonly package: string;
  readonly imports: readonly string[];
}

interface FieldDescription {
  readonly name: string;
  readonly [property: string]: unknown;
}

interface EnumDescription {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number: number }[];
}

interface MessageDescription {
  readonly name: string;
  readonly field: readonly FieldDescription[];
  readonly nestedType: readonly MessageDescription[];
  readonly enumType: readonly EnumDescription[];
  readonly oneofDecl: readonly { readonly name: string }[];
}

/** The text of proto/gen/descriptors.ts. `folder` has the sources. */
export function descriptorsModule(folder: string): string {
  const root = new protobuf.Root();
  const sources = described.map((name) => read(root, folder, name));
  root.resolveAll();
  return [
    "// FileDescriptorProtos in base64, and every name that is declared in them. Original files: proto/**/*.proto",
    "",
    `export const descriptors = ${JSON.stringify(
      sources.map((source) => describeFile(root, source)),
      null,
      2,
    )} as const;`,
    "",
  ].join("\n");
}

function read(root: protobuf.Root, folder: string, name: string): Source {
  const known = protobuf.common.get(name);
  if (known !== null) {
    root.addJSON(known.nested ?? {});
    return { name, package: "google.protobuf", imports: [] };
  }
  const parsed = protobuf.parse(readFileSync(`${folder}/${name}`, "utf8"), root, { keepCase: true });
  return { name, package: parsed.package ?? "", imports: parsed.imports ?? [] };
}

function describeFile(root: protobuf.Root, source: Source) {
  const members = source.package === "" ? root : root.lookup(source.package);
  if (!(members instanceof protobuf.Namespace)) throw new TypeError(`${source.name} declares nothing`);
  const messages = members.nestedArray.filter((member) => member instanceof protobuf.Type).map(describeMessage);
  const enums = members.nestedArray.filter((member) => member instanceof protobuf.Enum).map(describeEnum);
  const services = members.nestedArray.filter((member) => member instanceof protobuf.Service).map(describeService);
  const file = descriptor.FileDescriptorProto.fromObject({
    name: source.name,
    ...(source.package === "" ? {} : { package: source.package }),
    dependency: source.imports,
    messageType: messages,
    enumType: enums,
    service: services,
    syntax: "proto3",
  });
  const scope = source.package === "" ? "" : `${source.package}.`;
  return {
    name: source.name,
    dependencies: source.imports,
    symbols: [
      ...messages.flatMap((message) => symbolsOfMessage(scope, message)),
      ...enums.flatMap((values) => symbolsOfEnum(scope, values)),
      ...services.flatMap(({ name, method }) => [
        scope + name,
        ...method.map((each) => `${scope}${name}.${each.name}`),
      ]),
    ],
    base64: Buffer.from(descriptor.FileDescriptorProto.encode(file).finish()).toString("base64"),
  };
}

function describeMessage(type: protobuf.Type): MessageDescription {
  if (type.options !== undefined || type.reserved !== undefined || type.extensions !== undefined) {
    throw new TypeError(`${type.fullName}: options, reserved and extensions are not described yet`);
  }
  return {
    name: type.name,
    field: type.fieldsArray.map((field) => describeField(type, field)),
    nestedType: [
      ...type.fieldsArray.filter((field) => field instanceof protobuf.MapField).map(describeMapEntry),
      ...type.nestedArray.filter((member) => member instanceof protobuf.Type).map(describeMessage),
    ],
    enumType: type.nestedArray.filter((member) => member instanceof protobuf.Enum).map(describeEnum),
    oneofDecl: type.oneofsArray.map(({ name }) => ({ name })),
  };
}

function describeField(type: protobuf.Type, field: protobuf.Field): FieldDescription {
  if (field.options !== undefined) throw new TypeError(`${field.fullName}: options are not described yet`);
  const isMap = field instanceof protobuf.MapField;
  const oneof = field.partOf === null ? -1 : type.oneofsArray.indexOf(field.partOf);
  return {
    ...named(field.name),
    number: field.id,
    label: field.repeated || isMap ? "LABEL_REPEATED" : "LABEL_OPTIONAL",
    ...(isMap
      ? { type: "TYPE_MESSAGE", typeName: `${type.fullName}.${entryName(field)}` }
      : describeType(field.type, field.resolvedType)),
    ...(oneof < 0 ? {} : { oneofIndex: oneof }),
  };
}

function describeMapEntry(field: protobuf.MapField) {
  const label = "LABEL_OPTIONAL";
  return {
    name: entryName(field),
    field: [
      { ...named("key"), number: 1, label, ...describeType(field.keyType, null) },
      { ...named("value"), number: 2, label, ...describeType(field.type, field.resolvedType) },
    ],
    nestedType: [],
    enumType: [],
    oneofDecl: [],
    options: { mapEntry: true },
  };
}

function describeType(type: string, resolved: protobuf.Type | protobuf.Enum | null) {
  if (resolved === null) return { type: `TYPE_${type.toUpperCase()}` };
  return { type: resolved instanceof protobuf.Enum ? "TYPE_ENUM" : "TYPE_MESSAGE", typeName: resolved.fullName };
}

function describeEnum({ name, values }: protobuf.Enum): EnumDescription {
  return { name, value: Object.entries(values).map(([key, number]) => ({ name: key, number })) };
}

function describeService(service: protobuf.Service) {
  return {
    name: service.name,
    method: service.methodsArray.map((method) => ({
      name: method.name,
      inputType: service.lookupType(method.requestType).fullName,
      outputType: service.lookupType(method.responseType).fullName,
      ...(method.requestStream === true ? { clientStreaming: true } : {}),
      ...(method.responseStream === true ? { serverStreaming: true } : {}),
    })),
  };
}

/** protobufjs has the well-known types with names in camel case. */
function named(name: string) {
  const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return { name: snake, jsonName: capitalised(snake, /_+(\w?)/g) };
}

function entryName({ name }: protobuf.MapField): string {
  return `${capitalised(name, /(?:^|_)(\w?)/g)}Entry`;
}

function capitalised(name: string, after: RegExp): string {
  return name.replace(after, (_whole, letter: string) => letter.toUpperCase());
}

function symbolsOfMessage(scope: string, message: MessageDescription): readonly string[] {
  const own = scope + message.name;
  return [
    own,
    ...[...message.field, ...message.oneofDecl].map(({ name }) => `${own}.${name}`),
    ...message.nestedType.flatMap((nested) => symbolsOfMessage(`${own}.`, nested)),
    ...message.enumType.flatMap((nested) => symbolsOfEnum(`${own}.`, nested)),
  ];
}

/** The values of an enum are named beside it, not in it. */
function symbolsOfEnum(scope: string, { name, value }: EnumDescription): readonly string[] {
  return [scope + name, ...value.map((each) => scope + each.name)];
}
