import { SpiffeId, spiffeLimits, TrustDomain } from "../spiffe/index.ts";
import { UsageError } from "./usage-error.ts";

/**
 * From JavaScript an argument may be anything.
 * @throws UsageError ERR_ARGUMENT_INVALID for what is no SPIFFE ID at all; SpiffeError for a malformed one
 */
export function readSpiffeId(value: SpiffeId | string, what: string): SpiffeId {
  if (value instanceof SpiffeId) return value;
  // An ID of another copy of this package, or a URL, has the text.
  const text: unknown = typeof value === "object" && value !== null ? String(value) : value;
  if (typeof text === "string") return SpiffeId.parse(text);
  throw new UsageError("ERR_ARGUMENT_INVALID", `${what} takes a SPIFFE ID, not ${shown(value)}`, {
    fix: `give text such as "spiffe://example.org/db", or a SpiffeId`,
  });
}

/**
 * @throws UsageError ERR_ARGUMENT_INVALID for what is no name, a SPIFFE ID included; SpiffeError for a malformed one
 */
export function readTrustDomain(value: TrustDomain | string, what: string): TrustDomain {
  if (value instanceof TrustDomain) return value;
  const text: unknown = typeof value === "object" && value !== null ? String(value) : value;
  if (typeof text === "string" && !text.includes("://")) return TrustDomain.parse(text);
  const given = typeof text === "string" ? "a SPIFFE ID" : shown(value);
  throw new UsageError("ERR_ARGUMENT_INVALID", `${what} takes a trust domain, not ${given}`, {
    fix: `give its name, such as "example.org"; one identity is id("spiffe://…"), those below a path pathPrefix("spiffe://…")`,
  });
}

/** @throws UsageError ERR_AUDIENCE_MISSING when there is none, or an empty one */
export function readAudiences(value: string | readonly string[], what: string): readonly string[] {
  const audiences: readonly unknown[] = Array.isArray(value) ? value : [value];
  const texts = audiences.filter((one) => typeof one === "string" && one !== "");
  if (texts.length > 0 && texts.length === audiences.length) return typeof value === "string" ? [value] : value;
  throw new UsageError("ERR_AUDIENCE_MISSING", `${what} needs an \`audience\``);
}

/**
 * @throws UsageError ERR_ARGUMENT_INVALID when it is not a number from 0 to 120: of an environment variable it is text
 */
export function checkLeeway(leewaySeconds: number | undefined, what: string): void {
  if (leewaySeconds === undefined) return;
  const maximum = spiffeLimits.jwtSvidMaxLeewaySeconds.value;
  if (typeof leewaySeconds === "number" && leewaySeconds >= 0 && leewaySeconds <= maximum) return;
  throw new UsageError("ERR_ARGUMENT_INVALID", `${what}: \`leewaySeconds\` is a number from 0 to ${maximum}`);
}

/** @throws UsageError ERR_ARGUMENT_INVALID */
export function checkFunction(value: unknown, what: string): void {
  if (typeof value === "function") return;
  throw new UsageError("ERR_ARGUMENT_INVALID", `${what} is a function, not ${shown(value)}`);
}

/** What kind of thing it is; its content may be secret. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return `a value of type ${typeof value}`;
}
