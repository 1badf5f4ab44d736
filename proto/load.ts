import { isUtf8 } from "node:buffer";
import { fileURLToPath } from "node:url";
import type { MethodDefinition as GeneratedMethod } from "@grpc/proto-loader";
import protobuf from "protobufjs";
import type { MethodDefinition } from "./method.ts";

type WireMethod<Method> =
  Method extends GeneratedMethod<infer Request, infer Response, infer RequestOut, infer ResponseOut>
    ? MethodDefinition<Request, Response, RequestOut, ResponseOut>
    : never;

/** The methods of a generated `…Definition`, without the index signature it inherits. */
export type ServiceMethods<Definition> = {
  readonly [Name in keyof Definition as string extends Name ? never : number extends Name ? never : Name]: WireMethod<
    Definition[Name]
  >;
};

/** How decoded messages look; `proto/gen` is generated with the same options. */
const shape: protobuf.IConversionOptions = { longs: String, enums: Number, defaults: true, oneofs: true };

/**
 * A service whose `.proto` source is read when one of its methods is first asked for, so that a program pays only
 * for the services it uses. All services share one root: `types.proto` is parsed once.
 */
export class ProtoSources {
  readonly #root: protobuf.Root;
  readonly #folder = fileURLToPath(new URL(".", import.meta.url));

  constructor() {
    this.#root = new protobuf.Root();
    this.#root.resolvePath = (_origin, target) => {
      const isAbsolute = target.startsWith("/");
      return isAbsolute || target.startsWith("google/protobuf/") ? target : this.#folder + target;
    };
  }

  /** `methods` is every method of the service; the order does not matter. */
  service<Definition>(
    source: string,
    name: string,
    methods: readonly (keyof ServiceMethods<Definition> & string)[],
  ): ServiceMethods<Definition> {
    const service: unknown = Object.defineProperties(
      {},
      Object.fromEntries(methods.map((method) => [method, this.#lazily(() => this.#method(source, name, method))])),
    );
    // The one place where a loaded service takes on its generated type; services.test.ts compares the two.
    return service as ServiceMethods<Definition>;
  }

  #lazily<Value>(make: () => Value): PropertyDescriptor {
    let made: Value | undefined;
    return {
      enumerable: true,
      get: () => {
        made ??= make();
        return made;
      },
    };
  }

  #method(source: string, serviceName: string, methodName: string): MethodDefinition<object, object> {
    // Files that are loaded already are not read again.
    this.#root.loadSync(source, { keepCase: true });
    const service = this.#root.lookupService(serviceName);
    const method = service.methods[methodName];
    if (method === undefined) throw new TypeError(`${source} declares no ${serviceName}.${methodName}`);
    const request = codec(service.lookupType(method.requestType));
    const response = codec(service.lookupType(method.responseType));
    return {
      path: `/${serviceName}/${methodName}`,
      requestStream: method.requestStream === true,
      responseStream: method.responseStream === true,
      requestSerialize: request.encode,
      requestDeserialize: request.decode,
      responseSerialize: response.encode,
      responseDeserialize: response.decode,
    };
  }
}

interface Codec {
  readonly encode: (value: object) => Uint8Array;
  readonly decode: (bytes: Buffer) => object;
}

function codec(type: protobuf.Type): Codec {
  return {
    encode: (value) => type.encode(type.fromObject(value)).finish(),
    decode: (bytes) => type.toObject(type.decode(new StrictReader(bytes)), shape),
  };
}

/** Refuses strings that run past the end or are no UTF-8; protobufjs cuts and mends them silently. */
class StrictReader extends protobuf.BufferReader {
  override string(): string {
    const bytes = this.bytes();
    if (!isUtf8(bytes)) throw new RangeError("string is not UTF-8");
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  }
}
