import { serverLimits } from "../../limits.ts";

/**
 * What the values in one batch's results may come to. What was asked may be a thousandth of its answer (ten thousand
 * times an entry that is there already), and a batch that was carried out cannot be answered with an error.
 */
export class AnswerRoom {
  #left: number;

  constructor(bytes: number = serverLimits.batchAnswerBytes.value) {
    this.#left = bytes;
  }

  /** `whole` while there is room; from then on `brief`, which has the identifier alone. */
  take<Message extends object>(whole: Message, brief: () => Message): Message {
    this.#left -= messageBytes(whole);
    return this.#left >= 0 ? whole : brief();
  }
}

/** About what a message takes on the wire; numbers count for more than most need. */
function messageBytes(value: unknown): number {
  if (typeof value === "string") return 3 + Buffer.byteLength(value);
  if (value instanceof Uint8Array) return 4 + value.byteLength;
  if (typeof value !== "object" || value === null) return 8;
  let bytes = 4;
  for (const part of Array.isArray(value) ? value : Object.values(value)) bytes += messageBytes(part);
  return bytes;
}
