/** A server and agents as real processes on temporary directories; ended and removed with `await using`. */
import { randomInt } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cli } from "../fakes/cli.ts";
import {
  type CommandResult,
  countersign,
  isReady,
  launcherWithoutSync,
  type Running,
  type SpawnOptions,
  startCountersign,
} from "./processes.ts";

export interface ServerOptions {
  /** Lines of the YAML file. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  readonly flags?: readonly string[];
  readonly spawn?: SpawnOptions;
  /** `HOST:PORT`; default a free port, the same again after a restart. */
  readonly bind?: string;
  /** The server has no sync service, so that agents poll, every second. */
  readonly polled?: boolean;
}

export interface AgentOptions {
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  readonly flags?: readonly string[];
  readonly spawn?: SpawnOptions;
  /** Alias that entries use as parent. Default `spiffe://<td>/host/<name>`. */
  readonly alias?: string;
}

export interface AgentHandle {
  readonly name: string;
  readonly running: Running;
  readonly socket: string;
  readonly folder: string;
  /** Parent for entries. */
  readonly alias: string;
  readonly token: string;
}

export interface EntryFlags {
  readonly path: string;
  readonly selectors?: readonly string[];
  readonly parent?: string;
  readonly flags?: readonly string[];
}

export class System implements AsyncDisposable {
  readonly folder: string;
  readonly trustDomain = "test.example";
  readonly serverSocket: string;
  #server: Running | undefined;
  #address = "";
  readonly #serverOptions: ServerOptions;
  readonly #isPolled: boolean;
  /**
   * A loopback address of its own. On 127.0.0.1 a connection that anybody else opens or closed a minute ago may have the
   * port while the server is down, and the server could not come back.
   */
  readonly #host = `127.${[0, 0, 0].map(() => randomInt(1, 255)).join(".")}`;
  readonly #agents = new Set<Running>();

  private constructor(options: ServerOptions) {
    // Short: a socket path has at most 107 bytes.
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), "s-")));
    chmodSync(this.folder, 0o755);
    this.serverSocket = join(this.folder, "server", "private", "api.sock");
    this.#serverOptions = options;
    this.#isPolled = options.polled === true;
  }

  static async start(options: ServerOptions = {}): Promise<System> {
    const system = new System(options);
    try {
      await system.startServer();
      return system;
    } catch (error) {
      await system[Symbol.asyncDispose]();
      throw error;
    }
  }

  get server(): Running {
    if (this.#server === undefined) throw new Error("the server is not running");
    return this.#server;
  }

  get address(): string {
    return this.#address;
  }

  /** Starts the server (again) on the same address and data. */
  async startServer(polled = this.#isPolled): Promise<Running> {
    const { settings = {}, flags = [], bind = `${this.#host}:0` } = this.#serverOptions;
    const spawn = { ...this.#serverOptions.spawn, ...(polled ? { launcher: launcherWithoutSync } : {}) };
    const config = join(this.folder, "server.yaml");
    writeFileSync(config, yamlOf(settings));
    const where = this.#address === "" ? bind : this.#address;
    const running = startCountersign(
      [
        ...["server", "run", "--config", config, "--trust-domain", this.trustDomain],
        ...["--data-dir", join(this.folder, "server"), "--bind", where, "--socket", this.serverSocket, ...flags],
      ],
      spawn,
    );
    this.#server = running;
    const ready = await running.waitFor(isReady);
    this.#address = String(ready["address"]);
    return running;
  }

  /** Runs a CLI command that must succeed, against the server's socket: in this process, which is many times cheaper. */
  async cli(...all: readonly string[]): Promise<{ readonly stdout: string }> {
    // A server that is polled does not know how far its agents have come.
    const args = this.#isPolled ? all.filter((arg) => arg !== "--wait") : all;
    const { code, out, err } = await cli([...args, "--socket", this.serverSocket]);
    if (code !== 0) throw new Error(`countersign ${args.join(" ")} ended with ${code}: ${err}`);
    return { stdout: out };
  }

  /** Runs a CLI command as its own process, against the server's socket. */

  tryCli(...args: readonly string[]): Promise<CommandResult> {
    return countersign([...args, "--socket", this.serverSocket]);
  }

  tryCliWithInput(input: string, ...args: readonly string[]): Promise<CommandResult> {
    return countersign([...args, "--socket", this.serverSocket], { input });
  }

  /** Runs a CLI command against an agent's socket. */
  tryAgentCli(agent: AgentHandle, ...args: readonly string[]): Promise<CommandResult> {
    return countersign([...args, "--socket", agent.socket]);
  }

  async json(...args: readonly string[]): Promise<Record<string, unknown>> {
    const { stdout } = await this.cli(...args, "--output", "json");
    return JSON.parse(stdout);
  }

  /** Makes a join token and starts an agent with it. */
  async startAgent(name = "one", options: AgentOptions = {}): Promise<AgentHandle> {
    const alias = options.alias ?? `spiffe://${this.trustDomain}/host/${name}`;
    const token = String((await this.json("token", "generate", "--spiffe-id", alias))["value"]);
    const bundle = join(this.folder, `${name}.pem`);
    writeFileSync(bundle, (await this.cli("bundle", "show")).stdout);
    const handle = await this.launchAgent(name, alias, token, {
      ...options,
      flags: ["--join-token", token, "--bundle", bundle, ...(options.flags ?? [])],
    });
    return handle;
  }

  /** Starts an agent on whatever its data directory holds. */
  async launchAgent(name: string, alias: string, token: string, options: AgentOptions = {}): Promise<AgentHandle> {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const config = join(folder, "agent.yaml");
    writeFileSync(config, yamlOf({ ...(this.#isPolled ? { sync_interval: "1s" } : {}), ...options.settings }));
    const socket = join(folder, "public", "api.sock");
    const running = startCountersign(
      [
        ...["agent", "run", "--config", config, "--trust-domain", this.trustDomain, "--server", this.#address],
        ...["--data-dir", join(folder, "data"), "--socket", socket, ...(options.flags ?? [])],
      ],
      options.spawn,
    );
    this.#agents.add(running);
    await running.waitFor(isReady);
    return { name, running, socket, folder, alias, token };
  }

  async restartAgent(agent: AgentHandle, options: AgentOptions = {}): Promise<AgentHandle> {
    await agent.running.stop();
    return this.launchAgent(agent.name, agent.alias, agent.token, options);
  }

  /** Creates an entry for this user's processes (or the given selectors) and returns its id. */
  async createEntry(agent: AgentHandle, { path, selectors, parent, flags = [] }: EntryFlags): Promise<string> {
    const chosen = selectors ?? [`unix:uid:${process.getuid?.() ?? 0}`];
    const made = await this.json(
      ...[
        "entry",
        "create",
        "--parent-id",
        parent ?? agent.alias,
        "--spiffe-id",
        `spiffe://${this.trustDomain}${path}`,
      ],
      ...chosen.flatMap((selector) => ["--selector", selector]),
      ...flags,
    );
    const results = made["results"];
    const first: unknown = Array.isArray(results) ? results[0] : undefined;
    const entry: unknown = typeof first === "object" && first !== null && "entry" in first ? first.entry : undefined;
    if (typeof entry === "object" && entry !== null && "id" in entry) return String(entry.id);
    throw new Error(`no entry in ${JSON.stringify(made)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#agents].map((agent) => agent.stop(3_000)));
    await this.#server?.stop(3_000);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function yamlOf(settings: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join("");
}
