import { createHmac, timingSafeEqual } from "node:crypto";
import { serverErrors } from "../errors.ts";
import { serverLimits } from "../limits.ts";

const macBytes = 16;

/** What a token continues: which list, over which store, under which filter. */
export interface PageScope {
  readonly list: "entries" | "agents" | "bundles" | "federations";
  /** Every server of a store knows it, so that a token works at each of them; a restored store has another. */
  readonly epoch: string;
  readonly filterKey: string;
}

/** `place`: of the last element of the page, in the list's order. */
export function encodePageToken(scope: PageScope, place: readonly string[]): string {
  const text = Buffer.from(JSON.stringify(place));
  return Buffer.concat([mac(scope, text), text]).toString("base64url");
}

/**
 * A token of another list, filter or store, or one that was tampered with, is refused rather than guessed at.
 * @throws ServiceError ERR_PAGE_TOKEN
 */
export function decodePageToken(scope: PageScope, token: string, parts: number): readonly string[] {
  if (token.length <= serverLimits.pageTokenCharacters.value) {
    const bytes = Buffer.from(token, "base64url");
    const text = bytes.subarray(macBytes);
    // Re-encoding: two spellings of one token are not both accepted.
    const isWhole = bytes.length > macBytes && bytes.toString("base64url") === token;
    if (isWhole && timingSafeEqual(bytes.subarray(0, macBytes), mac(scope, text))) {
      const place: unknown = JSON.parse(text.toString("utf8"));
      if (Array.isArray(place) && place.length === parts && place.every((part) => typeof part === "string")) {
        return place;
      }
    }
  }
  throw serverErrors.error("ERR_PAGE_TOKEN", "page token is not one of this list and filter");
}

function mac({ list, epoch, filterKey }: PageScope, text: Uint8Array): Buffer {
  const key = `countersign page token\0${epoch}`;
  const head = `${list}\0${Buffer.byteLength(filterKey)}\0${filterKey}\0`;
  return createHmac("sha256", key).update(head).update(text).digest().subarray(0, macBytes);
}
