import { SpiffeError } from "../errors.ts";
import { spiffeLimits } from "../limits.ts";
import { describeCharacter, isTrustDomainCharacter } from "./characters.ts";
import { checkPath } from "./path.ts";

const prefix = "spiffe://";

// Both classes in one file: each makes the other, and a cycle of two modules would hide that.

/**
 * The name of a trust domain (SPIFFE-ID §2.1): 1–255 bytes of `a-z 0-9 . - _`, compared byte by byte. Upper case
 * is refused, not folded (ADR 0001). Immutable.
 */
export class TrustDomain {
  readonly #name: string;

  private constructor(name: string) {
    this.#name = name;
  }

  /**
   * Parses a bare name such as `example.org`.
   * @throws SpiffeError ERR_TRUST_DOMAIN_EMPTY, ERR_TRUST_DOMAIN_TOO_LONG, ERR_TRUST_DOMAIN_CHARACTER
   */
  static parse(name: string): TrustDomain {
    if (name.length === 0) throw new SpiffeError("ERR_TRUST_DOMAIN_EMPTY", "the trust domain name is empty");
    if (name.length > spiffeLimits.trustDomainBytes.value) {
      throw new SpiffeError(
        "ERR_TRUST_DOMAIN_TOO_LONG",
        `the trust domain name is longer than ${spiffeLimits.trustDomainBytes.value} bytes`,
      );
    }
    for (let offset = 0; offset < name.length; offset += 1) {
      if (isTrustDomainCharacter(name.charCodeAt(offset))) continue;
      const character = describeCharacter(name, offset);
      throw new SpiffeError(
        "ERR_TRUST_DOMAIN_CHARACTER",
        `character ${character} at offset ${offset} is not allowed in a trust domain name`,
      );
    }
    return new TrustDomain(name);
  }

  /**
   * Parses `example.org` or `spiffe://example.org`, the two forms that SPIRE's API fields and configuration take.
   * @throws SpiffeError the codes of `parse` and of `SpiffeId.parse`, ERR_TRUST_DOMAIN_PATH
   */
  static parseNameOrId(text: string): TrustDomain {
    if (!text.includes(":")) return TrustDomain.parse(text);
    const id = SpiffeId.parse(text);
    if (id.path !== "") throw new SpiffeError("ERR_TRUST_DOMAIN_PATH", "the SPIFFE ID of a trust domain has no path");
    return id.trustDomain;
  }

  /** `example.org`. */
  get name(): string {
    return this.#name;
  }

  /** `spiffe://example.org`: the key of this trust domain in the maps of the Workload API (WAPI-37). */
  get idString(): string {
    return `spiffe://${this.#name}`;
  }

  /** The SPIFFE ID of the trust domain itself: `spiffe://example.org`, without a path. */
  id(): SpiffeId {
    return SpiffeId.of(this, "");
  }

  /** Whether the names are the same, byte by byte. */
  equals(other: TrustDomain): boolean {
    return this.#name === other.#name;
  }

  /** `example.org`. */
  toString(): string {
    return this.#name;
  }

  /** `example.org`. */
  toJSON(): string {
    return this.#name;
  }
}

/**
 * A SPIFFE ID (SPIFFE-ID §2), parsed from the text itself and never rewritten: what `toString` gives is what was
 * parsed. Equality is equality of the text. Immutable; use `toString()` as a Map key.
 */
export class SpiffeId {
  readonly #text: string;
  readonly #trustDomain: TrustDomain;

  private constructor(text: string, trustDomain: TrustDomain) {
    this.#text = text;
    this.#trustDomain = trustDomain;
  }

  /**
   * Parses `spiffe://example.org/path`; at most 2048 bytes (SPIFFE-ID §2.3).
   * @throws SpiffeError ERR_SPIFFE_ID_EMPTY, ERR_SPIFFE_ID_SCHEME, ERR_SPIFFE_ID_TOO_LONG, the ERR_TRUST_DOMAIN_…
   * codes of `TrustDomain.parse` and the ERR_SPIFFE_PATH_… codes
   */
  static parse(uri: string): SpiffeId {
    if (uri.length === 0) throw new SpiffeError("ERR_SPIFFE_ID_EMPTY", "the SPIFFE ID is empty");
    if (!uri.startsWith(prefix)) {
      throw new SpiffeError("ERR_SPIFFE_ID_SCHEME", "the SPIFFE ID does not start with spiffe://");
    }
    checkLength(uri.length);
    const slash = uri.indexOf("/", prefix.length);
    const hostEnd = slash === -1 ? uri.length : slash;
    const trustDomain = TrustDomain.parse(uri.slice(prefix.length, hostEnd));
    checkPath(uri, hostEnd);
    return new SpiffeId(uri, trustDomain);
  }

  /**
   * As `parse`; an ID of `known` shares that value instead of having one of its own. For holding very many IDs.
   * @throws SpiffeError as `parse`
   */
  static parseSharing(uri: string, known: TrustDomain): SpiffeId {
    const hostEnd = prefix.length + known.name.length;
    const isMember = uri.startsWith(known.idString) && (uri.length === hostEnd || uri.charCodeAt(hostEnd) === 0x2f);
    if (!isMember) return SpiffeId.parse(uri);
    checkLength(uri.length);
    checkPath(uri, hostEnd);
    return new SpiffeId(uri, known);
  }

  /**
   * The ID of `path` (`""` or `"/a/b"`) in a trust domain.
   * @throws SpiffeError ERR_SPIFFE_ID_TOO_LONG and the ERR_SPIFFE_PATH_… codes
   */
  static of(trustDomain: TrustDomain, path: string): SpiffeId {
    const host = trustDomain.idString;
    checkLength(host.length + path.length);
    checkPath(path, 0);
    return new SpiffeId(host + path, trustDomain);
  }

  /** As `of`; a segment that contains a slash is refused instead of becoming two. @throws SpiffeError as `of` */
  static fromSegments(trustDomain: TrustDomain, ...segments: readonly string[]): SpiffeId {
    for (const segment of segments) {
      if (segment === "") throw new SpiffeError("ERR_SPIFFE_PATH_EMPTY_SEGMENT", "a path segment is empty");
      if (segment.includes("/")) {
        throw new SpiffeError("ERR_SPIFFE_PATH_CHARACTER", "a path segment contains a slash");
      }
    }
    return SpiffeId.of(trustDomain, segments.map((segment) => `/${segment}`).join(""));
  }

  /** Who vouches for this identity. */
  get trustDomain(): TrustDomain {
    return this.#trustDomain;
  }

  /** `""`, or starts with a slash. */
  get path(): string {
    return this.#text.slice(prefix.length + this.#trustDomain.name.length);
  }

  /** The path cut at its slashes; none for an ID without a path. */
  get segments(): readonly string[] {
    return this.path.split("/").slice(1);
  }

  /** Whether the ID is of this trust domain, byte by byte. */
  isMemberOf(trustDomain: TrustDomain): boolean {
    return this.#trustDomain.equals(trustDomain);
  }

  /** Whether the texts are the same, byte by byte: nothing is normalised. */
  equals(other: SpiffeId): boolean {
    return this.#text === other.#text;
  }

  /** `spiffe://example.org/path`, as it was parsed. */
  toString(): string {
    return this.#text;
  }

  /** `spiffe://example.org/path`, as it was parsed. */
  toJSON(): string {
    return this.#text;
  }
}

function checkLength(length: number): void {
  // Code units are bytes here: anything outside ASCII is refused by the character checks that follow.
  if (length <= spiffeLimits.spiffeIdBytes.value) return;
  throw new SpiffeError(
    "ERR_SPIFFE_ID_TOO_LONG",
    `the SPIFFE ID is longer than ${spiffeLimits.spiffeIdBytes.value} bytes`,
  );
}
