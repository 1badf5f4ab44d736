import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FilesBridge } from "../../cli/files/bridge.ts";
import type { FilesConfig } from "../../cli/files/config/files-config.ts";
import { IdentityFeed } from "../../cli/files/feed.ts";
import { SeparateFiles } from "../../cli/files/layout/separate-files.ts";
import { SwappedFolder } from "../../cli/files/layout/swapped-folder.ts";
import { type Clock, type LogFields, type Logger, systemClock, systemRandom } from "../../runtime/core/index.ts";
import { WorkloadApiClient } from "../../sdk/index.ts";

const defaults: Omit<FilesConfig, "folder"> = {
  endpoint: undefined,
  layout: "swap",
  chainFile: "svid.pem",
  keyFile: "svid_key.pem",
  bundleFile: "svid_bundle.pem",
  combinedFile: undefined,
  bundlesFolder: undefined,
  jwtFiles: [],
  jwtBundleFile: undefined,
  includesFederated: false,
  omitsExpired: false,
  intermediatesInBundle: false,
  modes: { cert: 0o644, key: 0o600, jwtBundle: 0o600, jwtSvid: 0o600 },
  hint: undefined,
  spiffeId: undefined,
  removesExpired: false,
  isOnce: false,
  timeoutMs: 30_000,
  command: undefined,
  renewSignal: undefined,
  pidFile: undefined,
  notifyUrl: undefined,
  notifyTimeoutMs: 5_000,
  notifyOn: "x509",
  health: undefined,
  logLevel: "info",
};

/** Settings as somebody gets who names nothing but a folder. */
function filesConfig(changes: Partial<FilesConfig> = {}): FilesConfig {
  return { ...defaults, folder: "unused", ...changes };
}

/** A files bridge at a Workload API, on a temporary folder, and what it told its program. */
export class FilesStand implements AsyncDisposable {
  readonly folder: string;
  readonly config: FilesConfig;
  readonly bridge: FilesBridge;
  readonly feed: IdentityFeed;
  readonly told: (readonly string[])[] = [];
  readonly log: string[] = [];
  readonly #client: WorkloadApiClient;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #waiting = new Set<() => void>();

  constructor(endpoint: string, changes: Partial<FilesConfig> = {}, clock: Clock = systemClock) {
    this.folder = mkdtempSync(join(tmpdir(), "f-"));
    this.config = filesConfig({ folder: this.folder, ...changes });
    const { folder, config } = this;
    const logger = this.#logger();
    const layout = config.layout === "swap" ? new SwappedFolder(folder) : new SeparateFiles(folder);
    const tell = {
      changed: (names: readonly string[]) => {
        this.told.push(names);
        this.#wake();
      },
      close: async () => {},
    };
    this.#client = WorkloadApiClient.create({ endpoint });
    this.feed = new IdentityFeed({
      ...{ client: this.#client, config, clock, logger },
      onChange: () => this.bridge.update(),
      onFailure: (error) => this.#say(String(error)),
    });
    this.bridge = new FilesBridge({ config, feed: () => this.feed, layout, tell, clock, random: systemRandom, logger });
    this.feed.start();
    this.#running = this.bridge.run(this.#stop.signal);
  }

  /** Resolves once it holds; looked at whenever something was logged or told. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#client.close();
    await this.feed[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #logger(): Logger {
    const line = (fields: LogFields, message: string): void => this.#say(`${message} ${JSON.stringify(fields)}`);
    return { debug: line, info: line, warn: line, error: line, child: () => this.#logger() };
  }

  #say(line: string): void {
    this.log.push(line);
    this.#wake();
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    queueMicrotask(() => {
      for (const wake of waiting) wake();
    });
  }
}
