import { descriptors } from "./gen/descriptors.ts";

/** What gRPC server reflection tells: the `.proto` files of services, by their names and by the names declared in them. */
export class FileDescriptors {
  readonly #files = new Map<string, { readonly bytes: Uint8Array; readonly dependencies: readonly string[] }>();
  readonly #fileOf = new Map<string, string>();

  constructor() {
    for (const { name, dependencies, symbols, base64 } of descriptors) {
      this.#files.set(name, { bytes: Buffer.from(base64, "base64"), dependencies });
      for (const symbol of symbols) this.#fileOf.set(symbol, name);
    }
  }

  /** Name of the file that declares `symbol`: a service, method, message, field, oneof, enum or its value, in full. */
  fileOf(symbol: string): string | undefined {
    return this.#fileOf.get(symbol);
  }

  /** FileDescriptorProtos: the file, then all that it imports, each once. `undefined`: there is no such file. */
  withImports(name: string): readonly Uint8Array[] | undefined {
    if (!this.#files.has(name)) return undefined;
    const names = new Set([name]);
    // A set's iteration includes what is added during it.
    for (const each of names) for (const imported of this.#files.get(each)?.dependencies ?? []) names.add(imported);
    return [...names].flatMap((each) => this.#files.get(each)?.bytes ?? []);
  }
}
