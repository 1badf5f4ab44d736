/** How a stream ended, as far as it matters for frames that still come (RFC 9113 §5.1). */
const ends = [
  /** We reset it: the peer could not know. */
  "reset-by-us",
  /** The peer reset it. */
  "reset-by-peer",
  /** Both sides said that they are done. */
  "ended",
] as const;

export type StreamEnd = (typeof ends)[number];

const first = 8;
const most = 128;
const endBits = 2;

/** The last client's streams that were closed, 128 of them. Of those before nobody remembers how. */
export class ClosedStreams {
  /** A ring of odd ids without their lowest bit, and of ends; it lasts as long as the connection, so it is small. */
  #ring: Uint32Array | undefined;
  #next = 0;

  add(id: number, end: StreamEnd): void {
    this.#ring ??= new Uint32Array(first);
    if (this.#next === this.#ring.length && this.#next < most) this.#ring = grown(this.#ring);
    this.#ring[this.#next % this.#ring.length] = entryOf(id) | ends.indexOf(end);
    this.#next = this.#next + 1 === 2 * most ? most : this.#next + 1;
  }

  /** Asked for stray frames only. */
  endOf(id: number): StreamEnd | undefined {
    const ring = this.#ring;
    if (ring === undefined) return undefined;
    // The latest first: an id may be there twice.
    for (let back = 1; back <= Math.min(this.#next, ring.length); back += 1) {
      const entry = ring[(this.#next - back) % ring.length] ?? 0;
      if ((entry ^ entryOf(id)) >>> endBits === 0) return ends[entry & ((1 << endBits) - 1)];
    }
    return undefined;
  }
}

function entryOf(id: number): number {
  return (id >>> 1) << endBits;
}

function grown(ring: Uint32Array): Uint32Array {
  const larger = new Uint32Array(2 * ring.length);
  larger.set(ring);
  return larger;
}
