import { once } from "node:events";
import type { Server } from "node:net";
import type { Clock } from "../../runtime/core/index.ts";
import { type Observer, X509Source } from "../../sdk/index.ts";
import type { X509Svid } from "../../spiffe/index.ts";
import { FakeWorkloadApi } from "./fake-workload-api.ts";
import type { TestCa } from "./test-ca.ts";

export interface WorkloadSideOptions {
  /** Of which trust domains it has the bundles, besides its own. */
  readonly others?: readonly TestCa[];
  readonly clock?: Clock;
  readonly observer?: Observer;
  /** Of its SVIDs, from now on. */
  readonly lifetimeMs?: number;
}

/** One workload: its own fake Workload API and a source of its identity from there. */
export class WorkloadSide implements AsyncDisposable {
  readonly source: X509Source;
  readonly #api: FakeWorkloadApi;
  readonly #ca: TestCa;
  readonly #path: string;
  readonly #lifetimeMs: number;
  #others: readonly TestCa[];

  private constructor(
    api: FakeWorkloadApi,
    source: X509Source,
    ca: TestCa,
    path: string,
    { others = [], lifetimeMs = 3_600_000 }: WorkloadSideOptions,
  ) {
    this.#api = api;
    this.source = source;
    this.#ca = ca;
    this.#path = path;
    this.#others = others;
    this.#lifetimeMs = lifetimeMs;
  }

  static async start(ca: TestCa, path: string, options: WorkloadSideOptions = {}): Promise<WorkloadSide> {
    const { others = [], clock, observer, lifetimeMs = 3_600_000 } = options;
    const api = await FakeWorkloadApi.start();
    const svid = await ca.issue(path, { notAfterMs: Date.now() + lifetimeMs });
    api.update({ svids: [svid], bundles: [ca, ...others].map(({ bundle }) => bundle) });
    const source = await X509Source.open({
      endpoint: api.endpoint,
      ...(clock === undefined ? {} : { clock }),
      ...(observer === undefined ? {} : { observer }),
    });
    return new WorkloadSide(api, source, ca, path, options);
  }

  /** A new SVID, and the source has it. */
  async rotate(lifetimeMs = this.#lifetimeMs): Promise<void> {
    const svid = await this.#ca.issue(this.#path, { notAfterMs: Date.now() + lifetimeMs });
    await this.#update([svid]);
  }

  /** From now on it has the bundles of these trust domains, besides its own, and the source knows. */
  async trust(others: readonly TestCa[]): Promise<void> {
    this.#others = others;
    await this.#update(this.source.svids);
  }

  async #update(svids: readonly X509Svid[]): Promise<void> {
    const changed = new Promise<void>((resolve) => void this.source.onChange(resolve));
    this.#api.update({ svids, bundles: [this.#ca, ...this.#others].map(({ bundle }) => bundle) });
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
