import type { IssuedJwtSvid } from "../../proto/domain/link.ts";
import type { IdentityKey } from "../domain/identity-key.ts";

export interface CachedJwt {
  readonly key: IdentityKey;
  readonly fingerprint: string;
  readonly svid: IssuedJwtSvid;
  /** Id of the authority that signed it (the token's `kid`). */
  readonly authorityId: string;
}

/** JWT-SVIDs by identity and set of audiences; the least recently used go first. The bound is hard. */
export class JwtCache {
  readonly #maxSize: number;
  /** In order of use, oldest first. */
  readonly #byName = new Map<string, CachedJwt>();

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  get size(): number {
    return this.#byName.size;
  }

  get(key: IdentityKey, audience: readonly string[]): CachedJwt | undefined {
    const name = nameOf(key, audience);
    const cached = this.#byName.get(name);
    if (cached === undefined) return undefined;
    this.#byName.delete(name);
    this.#byName.set(name, cached);
    return cached;
  }

  put(audience: readonly string[], cached: CachedJwt): void {
    const name = nameOf(cached.key, audience);
    this.#byName.delete(name);
    this.#byName.set(name, cached);
    for (const oldest of this.#byName.keys()) {
      if (this.#byName.size <= this.#maxSize) break;
      this.#byName.delete(oldest);
    }
  }

  dropWhere(isUnwanted: (cached: CachedJwt) => boolean): void {
    for (const [name, cached] of this.#byName) if (isUnwanted(cached)) this.#byName.delete(name);
  }

  clear(): void {
    this.#byName.clear();
  }
}

/** The order of audiences and repetitions mean nothing. JSON keeps audiences apart whatever characters they have. */
export function nameOf(key: IdentityKey, audience: readonly string[]): string {
  return JSON.stringify([key, ...[...new Set(audience)].sort()]);
}
