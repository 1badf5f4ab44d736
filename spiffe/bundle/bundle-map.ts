import { isJsonObject } from "../encoding/json.ts";
import { SpiffeError } from "../errors.ts";
import { TrustDomain } from "../id/spiffe-id.ts";
import { spiffeLimits } from "../limits.ts";
import { parseBundleJson, readBundle, type SkippedKey } from "./read-jwks.ts";
import { SpiffeBundle } from "./spiffe-bundle.ts";
import { writeSpiffeJwks } from "./write-jwks.ts";

/** A bundle map document as it was read. */
export interface ParsedBundleMap {
  /** The bundles of all trust domains in the document. */
  readonly bundles: BundleMap;
  /** Elements that were left out, each with its trust domain; worth a log line each (BND-20). */
  readonly skipped: readonly SkippedKeyOf[];
}

/** An element that was left out of the bundle of one trust domain. */
export interface SkippedKeyOf extends SkippedKey {
  /** Whose bundle it was in. */
  readonly trustDomain: TrustDomain;
}

/** At most one bundle per trust domain (ID-14). Immutable. Iterates over the bundles, by trust domain name. */
export class BundleMap implements Iterable<SpiffeBundle> {
  readonly #bundles: ReadonlyMap<string, SpiffeBundle>;

  private constructor(bundles: ReadonlyMap<string, SpiffeBundle>) {
    this.#bundles = bundles;
  }

  /** A later bundle replaces an earlier one of the same trust domain. */
  static of(bundles: Iterable<SpiffeBundle> = []): BundleMap {
    return new BundleMap(new Map([...bundles].map((bundle) => [bundle.trustDomain.name, bundle])));
  }

  /**
   * Reads a SPIFFE bundle map (SPIFFE_Trust_Domain_and_Bundle §5), all of it or nothing (BND-39). Refresh hints
   * inside it are dropped, since they must not matter (BND-37).
   * @throws SpiffeError ERR_BUNDLE_MAP_FORMAT and the codes of `TrustDomain.parse` and `SpiffeBundle.parseJwks`
   */
  static parse(json: string | Uint8Array): ParsedBundleMap {
    const document = parseBundleJson(json, spiffeLimits.bundleMapBytes.value);
    const domains = isJsonObject(document) ? document.get("trust_domains") : undefined;
    if (!isJsonObject(domains)) {
      throw new SpiffeError("ERR_BUNDLE_MAP_FORMAT", "the bundle map has no object named trust_domains");
    }
    const bundles: SpiffeBundle[] = [];
    const skipped: SkippedKeyOf[] = [];
    for (const [name, value] of domains) {
      const trustDomain = TrustDomain.parse(name);
      const read = readBundle(value, "spiffe");
      bundles.push(SpiffeBundle.of(trustDomain, { ...read, refreshHint: undefined }));
      skipped.push(...read.skipped.map((key) => ({ ...key, trustDomain })));
    }
    return { bundles: BundleMap.of(bundles), skipped };
  }

  /** How many trust domains there are. */
  get size(): number {
    return this.#bundles.size;
  }

  /** The bundle of exactly this trust domain; `undefined` when its members are not trusted. */
  get(trustDomain: TrustDomain): SpiffeBundle | undefined {
    return this.#bundles.get(trustDomain.name);
  }

  /** A copy in which `bundle` replaces the one of its trust domain, or joins. */
  with(bundle: SpiffeBundle): BundleMap {
    return new BundleMap(new Map(this.#bundles).set(bundle.trustDomain.name, bundle));
  }

  /** A copy without the bundle of this trust domain. */
  without(trustDomain: TrustDomain): BundleMap {
    const bundles = new Map(this.#bundles);
    bundles.delete(trustDomain.name);
    return new BundleMap(bundles);
  }

  /** The bundle map document, without refresh hints (BND-36). */
  encode(): string {
    const members = [...this].map((bundle) => {
      return `${JSON.stringify(bundle.trustDomain.name)}:${writeSpiffeJwks(bundle, { refreshHint: false })}`;
    });
    return `{"trust_domains":{${members.join(",")}}}`;
  }

  /** The bundles, sorted by the name of their trust domain. */
  *[Symbol.iterator](): Iterator<SpiffeBundle> {
    const sorted = [...this.#bundles].sort(([left], [right]) => (left < right ? -1 : 1));
    for (const [, bundle] of sorted) yield bundle;
  }

  /** The same trust domains with equal bundles (see `SpiffeBundle.equals`). */
  equals(other: BundleMap): boolean {
    if (this.size !== other.size) return false;
    return [...this].every((bundle) => other.get(bundle.trustDomain)?.equals(bundle) === true);
  }
}
