import type { SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";

interface Known {
  readonly bytes: Uint8Array;
  readonly bundle: SpiffeBundle;
}

/**
 * The bundles of one stream's last update: one whose bytes are the same again is the same object and is not parsed
 * again, since reading a thousand keys takes half a second.
 */
export class KnownBundles {
  #last: ReadonlyMap<string, Known> = new Map();

  /** Reads one update. What it does not hold is forgotten; what `read` throws changes nothing. */
  update<Result>(read: (bundleOf: BundleReader) => Result): Result {
    const next = new Map<string, Known>();
    const result = read((trustDomain, bytes, parse) => {
      const last = this.#last.get(trustDomain.name);
      const isSame = last !== undefined && Buffer.compare(last.bytes, bytes) === 0;
      const known = isSame ? last : { bytes, bundle: parse(trustDomain, bytes) };
      next.set(trustDomain.name, known);
      return known.bundle;
    });
    this.#last = next;
    return result;
  }
}

type Parse = (trustDomain: TrustDomain, bytes: Uint8Array) => SpiffeBundle;

/** The bundle that `bytes` are, parsed by `parse` unless it is known. */
export type BundleReader = (trustDomain: TrustDomain, bytes: Uint8Array, parse: Parse) => SpiffeBundle;
