import { SpiffeError } from "../errors.ts";
import { describeCharacter, isPathCharacter } from "./characters.ts";

const slash = 0x2f;

/**
 * Checks that `text` from `start` on is empty or a SPIFFE path (SPIFFE-ID §2.2).
 * @throws SpiffeError ERR_SPIFFE_PATH_START, …_CHARACTER, …_EMPTY_SEGMENT, …_DOT_SEGMENT, …_TRAILING_SLASH
 */
export function checkPath(text: string, start: number): void {
  if (start === text.length) return;
  if (text.charCodeAt(start) !== slash) {
    throw new SpiffeError("ERR_SPIFFE_PATH_START", "the path does not start with a slash");
  }
  let segmentStart = start + 1;
  for (let offset = segmentStart; offset < text.length; offset += 1) {
    const code = text.charCodeAt(offset);
    if (code === slash) {
      checkSegment(text, segmentStart, offset);
      segmentStart = offset + 1;
    } else if (!isPathCharacter(code)) {
      const character = describeCharacter(text, offset);
      throw new SpiffeError(
        "ERR_SPIFFE_PATH_CHARACTER",
        `character ${character} at offset ${offset - start} is not allowed in the path of a SPIFFE ID`,
      );
    }
  }
  if (segmentStart === text.length) {
    throw new SpiffeError("ERR_SPIFFE_PATH_TRAILING_SLASH", "the path ends in a slash");
  }
  checkSegment(text, segmentStart, text.length);
}

function checkSegment(text: string, start: number, end: number): void {
  if (start === end) throw new SpiffeError("ERR_SPIFFE_PATH_EMPTY_SEGMENT", "the path has an empty segment");
  const onlyDots = text.charCodeAt(start) === 0x2e && (end - start === 1 || text.charCodeAt(start + 1) === 0x2e);
  if (onlyDots && end - start <= 2) {
    throw new SpiffeError("ERR_SPIFFE_PATH_DOT_SEGMENT", "the path has a segment that is . or ..");
  }
}
