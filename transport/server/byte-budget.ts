import type { Peer } from "../peer.ts";

/** What one connection takes from the budget. */
export interface ByteShare {
  /** False: there is no room for them, nothing is counted. */
  take(bytes: number): boolean;
  /** Gives back what was taken. */
  give(bytes: number): void;
}

/**
 * Memory for messages of one direction, shared by the connections of a listener: so much in all, so much a peer (SPIFFE
 * ID, address, uid). Strangers reach half of it, so that they cannot starve those who are known (by an SVID; on a Unix
 * socket, root).
 */
export class ByteBudget {
  readonly #total: number;
  readonly #perPeer: number;
  readonly #taken = new Map<string, number>();
  #sum = 0;

  constructor(options: { readonly total: number; readonly perPeer: number }) {
    this.#total = options.total;
    this.#perPeer = options.perPeer;
  }

  get taken(): number {
    return this.#sum;
  }

  shareOf(peer: Peer): ByteShare {
    const { key, isKnown } = whoIs(peer);
    const reachable = isKnown ? this.#total : this.#total / 2;
    return {
      take: (bytes) => {
        const taken = (this.#taken.get(key) ?? 0) + bytes;
        if (this.#sum + bytes > reachable || taken > this.#perPeer) return false;
        this.#add(key, taken, bytes);
        return true;
      },
      give: (bytes) => this.#add(key, (this.#taken.get(key) ?? 0) - bytes, -bytes),
    };
  }

  #add(key: string, taken: number, bytes: number): void {
    this.#sum += bytes;
    if (taken === 0) this.#taken.delete(key);
    else this.#taken.set(key, taken);
  }
}

function whoIs(peer: Peer): { readonly key: string; readonly isKnown: boolean } {
  if (peer.kind === "unix") return { key: `uid ${peer.uid}`, isKnown: peer.uid === 0 };
  if (peer.svid === undefined) return { key: `address ${peer.address}`, isKnown: false };
  return { key: peer.svid.id.toString(), isKnown: true };
}
