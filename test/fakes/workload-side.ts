import { once } from "node:events";
import type { Server } from "node:net";
import { X509Source } from "../../sdk/index.ts";
import { FakeWorkloadApi } from "./fake-workload-api.ts";
import type { TestCa } from "./test-ca.ts";

/** One workload: its own fake Workload API and a source of its identity from there. */
export class WorkloadSide implements AsyncDisposable {
  readonly source: X509Source;
  readonly #api: FakeWorkloadApi;
  readonly #ca: TestCa;
  readonly #path: string;
  readonly #others: readonly TestCa[];

  private constructor(api: FakeWorkloadApi, source: X509Source, ca: TestCa, path: string, others: readonly TestCa[]) {
    this.#api = api;
    this.source = source;
    this.#ca = ca;
    this.#path = path;
    this.#others = others;
  }

  /** `others`: of which trust domains it has the bundles, besides its own. */
  static async start(ca: TestCa, path: string, others: readonly TestCa[] = []): Promise<WorkloadSide> {
    const api = await FakeWorkloadApi.start();
    api.update({ svids: [await ca.issue(path)], bundles: [ca, ...others].map(({ bundle }) => bundle) });
    return new WorkloadSide(api, await X509Source.open({ endpoint: api.endpoint }), ca, path, others);
  }

  /** A new SVID, and the source has it. */
  async rotate(): Promise<void> {
    const changed = new Promise<void>((resolve) => void this.source.onChange(resolve));
    const bundles = [this.#ca, ...this.#others].map(({ bundle }) => bundle);
    this.#api.update({ svids: [await this.#ca.issue(this.#path)], bundles });
    await changed;
  }

  /** The Workload API withdraws the identity, and the source knows. */
  async withdraw(): Promise<void> {
    const changed = new Promise<void>((resolve) => void this.source.onChange(resolve));
    this.#api.deny();
    await changed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source.close();
    await this.#api[Symbol.asyncDispose]();
  }
}

export async function portOf(server: Server): Promise<number> {
  if (!server.listening) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  const address = server.address();
  if (typeof address === "object" && address !== null) return address.port;
  throw new Error("the server has no port");
}
