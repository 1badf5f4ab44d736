import { type Clock, errorFields, type Logger, TaskGroup } from "../../runtime/core/index.ts";
import {
  type BundleMap,
  JwtSource,
  type JwtSvid,
  type WorkloadApiClient,
  WorkloadError,
  type X509Svid,
} from "../../sdk/index.ts";
import type { FilesConfig, JwtFile } from "./config/files-config.ts";
import type { Identities } from "./content.ts";
import { filesLimits } from "./limits.ts";

export interface FeedOptions {
  readonly client: WorkloadApiClient;
  readonly config: FilesConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onChange: () => void;
  /** What no retry can heal. */
  readonly onFailure: (error: unknown) => void;
}

const openForMs = 10_000;

/**
 * What the Workload API gives this process of what the configuration names: always the newest that was usable. A denial or
 * an outage takes nothing away, it is a problem that is told; what was written stays good until it expires.
 */
export class IdentityFeed implements AsyncDisposable {
  readonly #options: FeedOptions;
  readonly #tasks: TaskGroup;
  readonly #wanted: ReadonlySet<string>;
  readonly #have = new Set<string>();
  readonly #problems = new Map<string, WorkloadError>();
  readonly #jwtSvids = new Map<string, JwtSvid>();
  #x509: Identities["x509"];
  #jwtBundles: BundleMap | undefined;

  constructor(options: FeedOptions) {
    const { config, onFailure } = options;
    this.#options = options;
    this.#tasks = new TaskGroup(onFailure);
    const x509 = wantsX509(config) ? ["X509-SVID"] : [];
    const bundles = wantsJwtBundles(config) ? ["JWT bundles"] : [];
    this.#wanted = new Set([...x509, ...bundles, ...config.jwtFiles.map(partOf)]);
  }

  start(): void {
    const { config } = this.#options;
    if (wantsX509(config)) this.#tasks.run((signal) => this.#followX509(signal));
    if (wantsJwtBundles(config)) this.#tasks.run((signal) => this.#followJwtBundles(signal));
    for (const jwt of config.jwtFiles) this.#tasks.run((signal) => this.#followJwtSvid(jwt, signal));
  }

  get identities(): Identities {
    return { x509: this.#x509, jwtBundles: this.#jwtBundles, jwtSvids: new Map(this.#jwtSvids) };
  }

  /** Parts that nothing usable came for yet. */
  get missing(): readonly string[] {
    return [...this.#wanted].filter((part) => !this.#have.has(part));
  }

  /** What is wrong now, by part. */
  get problems(): ReadonlyMap<string, WorkloadError> {
    return this.#problems;
  }

  [Symbol.asyncDispose](): Promise<void> {
    // What failed was told.
    return this.#tasks.close().catch(() => {});
  }

  async #followX509(signal: AbortSignal): Promise<void> {
    const part = "X509-SVID";
    const onProblem = (problem: WorkloadError): void => this.#problem(part, problem);
    for await (const context of this.#options.client.watchX509Context({ signal, onProblem })) {
      const svid = pick(context.svids, this.#options.config);
      if (svid === undefined) {
        this.#problem(part, noneChosen(this.#options.config));
        continue;
      }
      this.#x509 = { context, svid };
      this.#came(part, { spiffe_id: svid.id.toString(), serial: svid.leaf.serialNumber });
    }
  }

  async #followJwtBundles(signal: AbortSignal): Promise<void> {
    const part = "JWT bundles";
    const onProblem = (problem: WorkloadError): void => this.#problem(part, problem);
    for await (const bundles of this.#options.client.watchJwtBundles({ signal, onProblem })) {
      this.#jwtBundles = bundles;
      this.#came(part, {});
    }
  }

  async #followJwtSvid(jwt: JwtFile, signal: AbortSignal): Promise<void> {
    const part = partOf(jwt);
    const source = await this.#openJwtSource(jwt, part, signal);
    if (source === undefined) return;
    try {
      let wake = Promise.withResolvers<void>();
      const end = (): void => wake.resolve();
      signal.addEventListener("abort", end);
      source.onChange(() => wake.resolve());
      while (!signal.aborted) {
        wake = Promise.withResolvers<void>();
        await this.#takeJwtSvid(source, jwt, part);
        const timer = this.#options.clock.setTimer(filesLimits.jwtLookMs.value, () => wake.resolve());
        await wake.promise;
        timer.cancel();
      }
    } finally {
      await source.close();
    }
  }

  /** Its `open` gives up after a while, so that it can be said what is missing. */
  async #openJwtSource(jwt: JwtFile, part: string, signal: AbortSignal): Promise<JwtSource | undefined> {
    const { client, clock, config } = this.#options;
    while (!signal.aborted) {
      try {
        const choose = (svids: readonly JwtSvid[]): JwtSvid | undefined => pick(svids, config);
        const options = { client, clock, pick: choose, timeoutMs: openForMs, signal };
        return await JwtSource.open({ ...options, audiences: [jwt.audience] });
      } catch (error) {
        if (signal.aborted) return undefined;
        if (!(error instanceof WorkloadError) || error.code !== "ERR_SOURCE_TIMEOUT") throw error;
        this.#problem(part, error.cause instanceof WorkloadError ? error.cause : error);
      }
    }
    return undefined;
  }

  async #takeJwtSvid(source: JwtSource, jwt: JwtFile, part: string): Promise<void> {
    try {
      const svid = await source.svid({ audience: jwt.audience });
      const { lastProblem } = source.health;
      if (lastProblem !== undefined) this.#problem(part, lastProblem);
      else if (this.#jwtSvids.get(jwt.fileName) !== svid || this.#problems.has(part)) {
        this.#jwtSvids.set(jwt.fileName, svid);
        this.#came(part, { spiffe_id: svid.id.toString() });
      }
    } catch (error) {
      if (!(error instanceof WorkloadError)) throw error;
      if (error.code !== "ERR_SOURCE_CLOSED") this.#problem(part, error);
    }
  }

  #came(part: string, fields: Readonly<Record<string, string>>): void {
    this.#problems.delete(part);
    this.#have.add(part);
    this.#options.logger.info({ part, ...fields }, "received");
    this.#options.onChange();
  }

  /** Said once, not at every retry. */
  #problem(part: string, problem: WorkloadError): void {
    const before = this.#problems.get(part);
    this.#problems.set(part, problem);
    if (before?.code === problem.code && before.reason === problem.reason) return;
    const { reason, fix } = problem;
    const stays = this.#have.has(part) ? "; what was written stays" : "";
    const explained = { ...(reason === undefined ? {} : { reason }), fix };
    this.#options.logger.warn({ part, ...errorFields(problem), ...explained }, `nothing new comes${stays}`);
    this.#options.onChange();
  }
}

function partOf({ audience }: JwtFile): string {
  return `JWT-SVID for ${audience.join(", ")}`;
}

function wantsX509(config: FilesConfig): boolean {
  const { chainFile, keyFile, combinedFile, bundleFile, bundlesFolder } = config;
  return [chainFile, keyFile, combinedFile, bundleFile, bundlesFolder].some((name) => name !== undefined);
}

function wantsJwtBundles({ jwtBundleFile, bundlesFolder }: FilesConfig): boolean {
  return jwtBundleFile !== undefined || bundlesFolder !== undefined;
}

function pick<Svid extends Pick<X509Svid, "id" | "hint">>(
  svids: readonly Svid[],
  { hint, spiffeId }: FilesConfig,
): Svid | undefined {
  return svids.find((svid) => {
    if (hint !== undefined) return svid.hint === hint;
    return spiffeId === undefined || svid.id.equals(spiffeId);
  });
}

function noneChosen({ hint, spiffeId }: FilesConfig): WorkloadError {
  const wanted = hint === undefined ? `the id ${spiffeId?.toString()}` : `the hint ${JSON.stringify(hint)}`;
  return new WorkloadError("ERR_WORKLOAD_API_DENIED", `none of this process's identities has ${wanted}`, {
    fix: "correct the hint or spiffe_id, or the entry",
  });
}
