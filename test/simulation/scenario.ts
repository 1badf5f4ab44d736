import { ServiceError } from "../../transport/index.ts";
import { EntryBook } from "./entry-book.ts";
import { type Host, World, type WorldOptions } from "./world.ts";

export interface ScenarioOptions extends WorldOptions {
  readonly days: number;
  /** Minutes between two events, on the average. */
  readonly eventEveryMinutes: number;
  /** Seconds between two looks at everything. */
  readonly lookEverySeconds: number;
  /** Called once a day. */
  readonly onDay?: (day: number) => void;
}

export interface ScenarioResult {
  readonly events: Readonly<Record<string, number>>;
  readonly world: World;
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** Lets days pass over a world, with everything that goes wrong in a life. Throws at the first thing that must not be. */
export class Scenario {
  readonly #options: ScenarioOptions;
  readonly #world: World;
  readonly #book: EntryBook;
  readonly #events: Record<string, number> = {};
  readonly #background: unknown[] = [];
  #trace: string[] = [];

  private constructor(options: ScenarioOptions, world: World) {
    this.#options = options;
    this.#world = world;
    this.#book = new EntryBook(world, options.maxEntries);
  }

  /** `use` is called with the result before everything is closed. */
  static async run(options: ScenarioOptions, use: (result: ScenarioResult) => void | Promise<void>): Promise<void> {
    await using world = new World(options);
    const scenario = new Scenario(options, world);
    try {
      await scenario.#run();
      await use({ events: scenario.#events, world });
    } catch (error) {
      const when = new Date(world.clock.now()).toISOString();
      const story = scenario.#trace.slice(-25).join("\n  ");
      throw new Error(`SEED=${options.seed} shows it again. At ${when}: ${String(error)}\nbefore it:\n  ${story}`, {
        cause: error,
      });
    }
  }

  async #run(): Promise<void> {
    const { clock, hosts, server } = this.#world;
    await server.start();
    for (const host of hosts) await this.#world.newToken(host);
    for (const host of hosts) host.agent.start();
    for (let index = 0; index < this.#options.maxEntries / 2; index += 1) await this.#book.create();
    await this.#pass(5 * minute);
    if (!this.#world.isCalm) throw new Error("there is no calm to begin with");
    const endMs = clock.now() + this.#options.days * 24 * hour;
    for (let day = 0; clock.now() < endMs; ) {
      await this.#pass(this.#between(0.2, 1.8) * this.#options.eventEveryMinutes * minute);
      await this.#event();
      const today = Math.floor((clock.now() - (endMs - this.#options.days * 24 * hour)) / (24 * hour));
      if (today > day) this.#options.onDay?.(today);
      day = today;
    }
    await this.#calmDown();
  }

  async #pass(ms: number): Promise<void> {
    const { clock } = this.#world;
    const stepMs = this.#options.lookEverySeconds * second;
    for (let left = ms; left > 0; left -= stepMs) {
      await clock.advance(Math.min(stepMs, left));
      this.#rethrow();
      await this.#world.look();
      await this.#care();
    }
  }

  /** Every fault ends; then everything must be in order. */
  async #calmDown(): Promise<void> {
    const { hosts } = this.#world;
    await this.#pass(5 * hour);
    for (const { agent } of hosts) agent.weather.answersToLose = 0;
    await this.#pass(20 * minute);
    if (!this.#world.isCalm) throw new Error("it does not become calm");
    for (const host of hosts) if (!host.agent.isIdentified) throw new Error(`${host.agent.name} is lost`);
    this.#book.check();
  }

  async #event(): Promise<void> {
    const { server, random } = this.#world;
    const host = this.#pick(this.#world.hosts);
    const { agent } = host;
    const { weather } = agent;
    const isUp = server.core !== undefined;
    const events: readonly (readonly [string, number, boolean, () => void | Promise<void>])[] = [
      ["entry created", 18, isUp, () => this.#book.create()],
      ["entry updated", 12, isUp, () => this.#book.update()],
      ["entry deleted", 10, isUp, () => this.#book.delete()],
      ["server crashed", 5, isUp, () => server.crash()],
      ["server crashed in a call", 5, isUp, () => server.crashWithin(1 + Math.floor(random.float() * 30))],
      ["server crashed in an entry change", 3, isUp, () => this.#crashInChange()],
      ["server restarted", 2, isUp, () => this.#later(0, () => server.stop())],
      ["agent crashed", 6, agent.isRunning, () => agent.crash()],
      [
        "agent crashed at a write",
        4,
        agent.isRunning,
        () => agent.crashAtSave(random.float() < 0.5 ? "before" : "after"),
      ],
      ["agent restarted", 2, agent.ready !== undefined, () => this.#later(0, () => agent.stop())],
      ["partition", 7, weather.reach === "open", () => this.#partition(host, "refused")],
      ["silent partition", 5, weather.reach === "open", () => this.#partition(host, "silent")],
      ["answers lost", 5, true, () => this.#loseAnswers(host)],
      ["connection broken", 5, true, () => this.#sever(host)],
      ["JWT-SVIDs asked for", 12, true, () => this.#askForJwts()],
    ];
    const possible = events.filter(([, , isPossible]) => isPossible);
    let draw = random.float() * possible.reduce((sum, [, weight]) => sum + weight, 0);
    const chosen = possible.find(([, weight]) => {
      draw -= weight;
      return draw < 0;
    });
    if (chosen === undefined) return;
    const [name, , , happen] = chosen;
    this.#events[name] = (this.#events[name] ?? 0) + 1;
    this.#tell(`${name} (${agent.name})`);
    await happen();
  }

  /** What operators and service managers do by themselves: start again what is down, give a new token. */
  async #care(): Promise<void> {
    const { server, hosts } = this.#world;
    if (server.core === undefined) this.#once("server", this.#downTime(10 * minute), () => this.#startServer());
    for (const host of hosts) {
      const { agent } = host;
      if (agent.failure !== undefined || (agent.isRunning && !agent.isIdentified)) {
        this.#once(`${agent.name} token`, this.#between(5, 15) * minute, () => this.#giveToken(host));
      }
      if (!agent.isRunning) this.#once(agent.name, this.#downTime(3 * minute), () => this.#startAgent(host));
    }
  }

  readonly #planned = new Set<string>();

  /** In the background, after a while; not while it is planned already. */
  #once(what: string, delayMs: number, action: () => void | Promise<void>): void {
    if (this.#planned.has(what)) return;
    this.#planned.add(what);
    this.#later(delayMs, async () => {
      this.#planned.delete(what);
      await action();
    });
  }

  #later(delayMs: number, action: () => void | Promise<void>): void {
    this.#world.clock.setTimer(delayMs, () => {
      const acting = async (): Promise<void> => action();
      acting().catch((error: unknown) => this.#background.push(error));
    });
  }

  async #startServer(): Promise<void> {
    this.#world.disturbed();
    this.#tell((await this.#world.server.start()) ? "server started" : "server crashed while it started");
    this.#world.disturbed();
    this.#book.check();
    this.#world.changed();
  }

  #startAgent(host: Host): void {
    if (host.agent.isRunning) return;
    host.agent.start();
    this.#world.disturbed();
    this.#tell(`agent ${host.agent.name} started`);
  }

  async #giveToken(host: Host): Promise<void> {
    const { agent } = host;
    if (this.#world.server.core === undefined) return;
    if (agent.weather.reach !== "open" || (agent.failure === undefined && agent.isIdentified)) return;
    const { failure } = agent;
    const outageMs = this.#world.clock.now() - host.wellMs;
    if (outageMs < 25 * minute) throw new Error(`agent ${agent.name} gave up: ${describe(failure)}`);
    if (failure !== undefined && !(failure instanceof ServiceError && gaveUp.has(failure.code))) {
      throw new Error(`agent ${agent.name} failed: ${describe(failure)}`);
    }
    this.#events["new token"] = (this.#events["new token"] ?? 0) + 1;
    this.#tell(`agent ${agent.name} is given a new token (${describe(failure)})`);
    await this.#world.newToken(host);
    this.#world.changed();
    agent.failure = undefined;
  }

  #partition({ agent }: Host, reach: "refused" | "silent"): void {
    const { weather } = agent;
    weather.become(reach);
    this.#world.disturbed();
    const ms = this.#world.random.float() < 0.1 ? this.#between(1, 4) * hour : this.#between(0.1, 25) * minute;
    this.#later(ms, () => {
      weather.become("open");
      this.#world.disturbed();
      this.#tell(`partition over (${agent.name})`);
    });
  }

  #loseAnswers({ agent }: Host): void {
    agent.weather.answersToLose = 1 + Math.floor(this.#world.random.float() * 3);
    // The next answers may be hours away; what follows from the loss is over soon after it.
    this.#later(40 * minute, () => {
      agent.weather.answersToLose = 0;
    });
  }

  #sever({ agent }: Host): void {
    agent.sever();
    this.#world.disturbed();
  }

  async #crashInChange(): Promise<void> {
    const { server, random } = this.#world;
    server.crashWithin(1 + Math.floor(random.float() * 3));
    const changes = [() => this.#book.create(), () => this.#book.update(), () => this.#book.delete()];
    await this.#pick(changes)();
  }

  #askForJwts(): void {
    for (const host of this.#world.hosts) this.#world.askForJwt(host);
  }

  #downTime(usualMaxMs: number): number {
    const { random } = this.#world;
    return random.float() < 0.08 ? this.#between(30, 90) * minute : this.#between(0.01, 1) * usualMaxMs;
  }

  #between(low: number, high: number): number {
    return low + this.#world.random.float() * (high - low);
  }

  #pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.#world.random.float() * items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }

  #tell(what: string): void {
    this.#trace.push(`${new Date(this.#world.clock.now()).toISOString()} ${what}`);
    this.#trace = this.#trace.slice(-50);
  }

  #rethrow(): void {
    const [error] = this.#background;
    if (error !== undefined) throw error;
  }
}

/** For an agent whose SVID died in a long outage, and whose join token is spent. */
const gaveUp: ReadonlySet<string> = new Set(["ERR_AGENT_SVID_EXPIRED", "ERR_AGENT_EVICTED", "ERR_ATTESTATION_REFUSED"]);

function describe(error: unknown): string {
  return error instanceof ServiceError ? `${error.code}: ${error.message}` : String(error);
}
