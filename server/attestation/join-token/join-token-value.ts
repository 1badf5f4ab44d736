import type { Random } from "../../../runtime/core/index.ts";
import { serverLimits } from "../../limits.ts";

const pathSafe = /^[A-Za-z0-9._-]+$/;

/** A token becomes a segment of the agent's SPIFFE ID, so it has to be one (SPIFFE-ID §2.2). */
export function isJoinTokenValue(value: string): boolean {
  return (
    value.length <= serverLimits.joinTokenCharacters.value && pathSafe.test(value) && value !== "." && value !== ".."
  );
}

/** UUIDv4 (RFC 9562 §5.4): 122 random bits. */
export function newJoinTokenValue(random: Random): string {
  const bytes = Buffer.from(random.bytes(16));
  bytes[6] = 0x40 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
