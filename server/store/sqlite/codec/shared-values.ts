import { Selector, SpiffeId, TrustDomain } from "../../../../spiffe/index.ts";
import { serverLimits } from "../../../limits.ts";

/**
 * Immutable values that many rows have in common (parents, selectors, trust domains) exist once. A table that grows
 * past its limit starts anew: sharing is an economy, not a promise.
 */
export class SharedValues {
  readonly #own: TrustDomain;
  readonly #ids = new Map<string, SpiffeId>();
  readonly #selectors = new Map<string, Selector>();
  readonly #trustDomains = new Map<string, TrustDomain>();

  /** `own`: the trust domain that nearly all ids are of. */
  constructor(own: TrustDomain) {
    this.#own = own;
  }

  /** For ids that repeat, such as parents. */
  id(text: string): SpiffeId {
    return shared(this.#ids, text, (uri) => this.newId(uri));
  }

  /** For ids that are mostly seen once. */
  newId(text: string): SpiffeId {
    return SpiffeId.parseSharing(text, this.#own);
  }

  trustDomain(name: string): TrustDomain {
    return name === this.#own.name ? this.#own : shared(this.#trustDomains, name, TrustDomain.parse);
  }

  /** `json`: array of `type:value`. */
  selectors(json: string): readonly Selector[] {
    return parseStrings(json).map((selector) => shared(this.#selectors, selector, Selector.parse));
  }

  trustDomains(json: string): readonly TrustDomain[] {
    return json === "[]" ? none : parseStrings(json).map((name) => this.trustDomain(name));
  }
}

const none: readonly never[] = Object.freeze([]);

function shared<T>(table: Map<string, T>, key: string, make: (key: string) => T): T {
  const known = table.get(key);
  if (known !== undefined) return known;
  if (table.size >= serverLimits.storeSharedValues.value) table.clear();
  const made = make(key);
  table.set(key, made);
  return made;
}

/** @throws TypeError when `json` is not an array of strings */
export function parseStrings(json: string): readonly string[] {
  if (json === "[]") return none;
  const values: unknown = JSON.parse(json);
  if (Array.isArray(values) && values.every((value) => typeof value === "string")) return values;
  throw new TypeError("a stored list is not an array of strings");
}
