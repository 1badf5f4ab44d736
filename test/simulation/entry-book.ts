import type { RegistrationEntry } from "../../proto/domain/entry.ts";
import type { EntryDraft } from "../../server/domain/entry-rules.ts";
import type { SpiffeId } from "../../spiffe/index.ts";
import { groupPath, type World } from "./world.ts";

const selectorChoices = [
  ["unix:uid:1"],
  ["unix:uid:1", "unix:gid:1"],
  ["unix:uid:2"],
  ["unix:gid:1"],
  ["unix:uid:2", "unix:user:db"],
];

/** The operator: makes, changes and deletes entries, and remembers what the server acknowledged. */
export class EntryBook {
  readonly #world: World;
  readonly #maxEntries: number;
  /** Acknowledged and in force. */
  readonly #entries = new Map<string, RegistrationEntry>();
  /** A change without an answer: it may have happened or not. */
  readonly #unknown = new Set<string>();
  #names = 0;

  constructor(world: World, maxEntries: number) {
    this.#world = world;
    this.#maxEntries = maxEntries;
  }

  async create(): Promise<void> {
    if (this.#entries.size >= this.#maxEntries) return this.delete();
    const draft = this.#draft();
    const entry = await this.#world.server.createEntry(draft);
    if (entry !== undefined) this.#entries.set(entry.id, entry);
    this.#world.changed();
  }

  async update(): Promise<void> {
    const entry = this.#pick();
    if (entry === undefined) return this.create();
    const { random } = this.#world;
    const keepsId = random.float() < 0.6;
    const fresh = this.#draft();
    const draft = {
      ...fresh,
      id: entry.id,
      ...(keepsId ? { spiffeId: idDraft(entry.spiffeId), parentId: idDraft(entry.parentId) } : {}),
    };
    this.#unknown.add(entry.id);
    const updated = await this.#world.server.updateEntry(draft);
    if (updated !== undefined) {
      this.#unknown.delete(entry.id);
      this.#entries.set(entry.id, updated);
    }
    this.#world.changed();
  }

  async delete(): Promise<void> {
    const entry = this.#pick();
    if (entry === undefined) return this.create();
    this.#unknown.add(entry.id);
    if (await this.#world.server.deleteEntry(entry.id)) {
      this.#unknown.delete(entry.id);
      this.#entries.delete(entry.id);
    }
    this.#world.changed();
  }

  /** Nothing that was acknowledged is missing or otherwise; what had no answer is now known. */
  check(): void {
    const registry = this.#world.server.core?.registry;
    if (registry === undefined) return;
    const nowSeconds = this.#world.clock.now() / 1000;
    for (const [id, entry] of this.#entries) {
      const found = registry.entry(id);
      if (entry.expiresAt !== 0 && entry.expiresAt <= nowSeconds) this.#entries.delete(id);
      else if (this.#unknown.has(id)) {
        if (found === undefined) this.#entries.delete(id);
        else this.#entries.set(id, found);
      } else if (found === undefined) this.#world.violations.add(`acknowledged entry ${id} is missing`);
      else if (found.revisionNumber !== entry.revisionNumber || !found.spiffeId.equals(entry.spiffeId)) {
        this.#world.violations.add(`acknowledged entry ${id} is not as it was acknowledged`);
      }
    }
    this.#unknown.clear();
  }

  #draft(): EntryDraft {
    const { random, clock, hosts, trustDomain } = this.#world;
    this.#names += 1;
    const host = hosts[Math.floor(random.float() * hosts.length)];
    const alias = host?.agent.alias.path ?? "";
    const kind = random.float();
    const isLink = kind < 0.12;
    const parent = kind > 0.75 ? groupPath : alias;
    const selectors = selectorChoices[Math.floor(random.float() * selectorChoices.length)] ?? [];
    const expires = random.float() < 0.15;
    return {
      id: "",
      spiffeId: { trustDomain: trustDomain.name, path: isLink ? groupPath : `/workload/${this.#names}` },
      parentId: { trustDomain: trustDomain.name, path: isLink ? alias : parent },
      // A link's selectors are nobody's, and unique so that no two entries are alike.
      selectors: isLink
        ? [{ type: "link", value: String(this.#names) }]
        : selectors.map((text) => ({
            type: text.slice(0, text.indexOf(":")),
            value: text.slice(text.indexOf(":") + 1),
          })),
      x509SvidTtl: random.float() < 0.2 ? 1_800 : 0,
      jwtSvidTtl: 0,
      federatesWith: [],
      admin: false,
      downstream: false,
      expiresAt: expires ? Math.floor(clock.now() / 1000 + 600 + random.float() * 20_000) : 0,
      dnsNames: random.float() < 0.2 ? [`w${this.#names}.example.org`] : [],
      storeSvid: false,
      hint: random.float() < 0.2 ? `hint-${this.#names}` : "",
      additionalAttributes: undefined,
    };
  }

  #pick(): RegistrationEntry | undefined {
    const nowSeconds = this.#world.clock.now() / 1000;
    const entries = [...this.#entries.values()].filter(({ expiresAt }) => expiresAt === 0 || expiresAt > nowSeconds);
    return entries[Math.floor(this.#world.random.float() * entries.length)];
  }
}

function idDraft(id: SpiffeId): { readonly trustDomain: string; readonly path: string } {
  return { trustDomain: id.trustDomain.name, path: id.path };
}
