import { transportLimits } from "../limits.ts";
import { ConnectionError, errorCode } from "./errors.ts";

/** A header block that goes on in CONTINUATION frames (RFC 9113 §4.3). */
export class HeaderBlock {
  readonly streamId: number;
  readonly endsStream: boolean;
  readonly dependsOnItself: boolean;
  readonly #parts: Buffer[] = [];
  #bytes = 0;

  constructor(streamId: number, endsStream: boolean, dependsOnItself: boolean) {
    this.streamId = streamId;
    this.endsStream = endsStream;
    this.dependsOnItself = dependsOnItself;
  }

  /** Throws ConnectionError ENHANCE_YOUR_CALM for a block without end. */
  add(part: Buffer): void {
    // Parts of one chunk share its memory; a copy keeps no more than was sent.
    this.#parts.push(Buffer.from(part));
    this.#bytes += part.length;
    if (this.#bytes > transportLimits.headerBlockBytes || this.#parts.length > transportLimits.headerBlockFrames) {
      throw new ConnectionError(errorCode.enhanceYourCalm, "a header block does not end");
    }
  }

  whole(): Buffer {
    return Buffer.concat(this.#parts, this.#bytes);
  }
}
