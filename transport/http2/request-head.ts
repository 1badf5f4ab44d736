/** The header fields of a request that RFC 9113 §8.2 and §8.3.1 let through. */
export interface RequestHead {
  readonly method: string;
  /** Empty for CONNECT. */
  readonly path: string;
  /** Of the body; `undefined` when it is not announced. */
  readonly contentLength: number | undefined;
  /** `[name, value, name, value…]`, as sent. */
  readonly fields: readonly string[];
}

/** RFC 9110 §5.6.2, without upper case (RFC 9113 §8.2.1). */
const namePattern = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** RFC 9113 §8.2.1. */
const brokenValue = /[\0\r\n]|^[ \t]|[ \t]$/;
/** RFC 9113 §8.2.2. */
const ofConnection = new Set(["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"]);
/** Names that come with every call; they need no look. */
const usual = new Set([
  "content-type",
  "user-agent",
  "grpc-timeout",
  "grpc-accept-encoding",
  "accept-encoding",
  "workload.spiffe.io",
]);

/** `undefined`: the request is malformed. */
export function readRequestHead(fields: readonly string[]): RequestHead | undefined {
  const pseudo: Record<string, string> = {};
  let regular = 0;
  while (regular < fields.length && fields[regular]?.startsWith(":") === true) {
    const name = fields[regular] ?? "";
    const value = fields[regular + 1] ?? "";
    if (!isRequestPseudo(name) || pseudo[name] !== undefined || brokenValue.test(value)) return undefined;
    pseudo[name] = value;
    regular += 2;
  }
  const { ":method": method, ":scheme": scheme, ":path": path, ":authority": authority } = pseudo;
  if (method === undefined || method === "") return undefined;
  const isComplete =
    method === "CONNECT"
      ? scheme === undefined && path === undefined && authority !== undefined
      : scheme !== undefined && path !== undefined && path !== "";
  if (!isComplete || !areRegular(fields, regular)) return undefined;
  const length = contentLength(fields, regular);
  if (length === "broken") return undefined;
  return { method, path: path ?? "", contentLength: length, fields };
}

/** Whether `fields` may stand behind a request's body (RFC 9113 §8.1). */
export function areTrailers(fields: readonly string[]): boolean {
  return areRegular(fields, 0);
}

function isRequestPseudo(name: string): boolean {
  return name === ":method" || name === ":path" || name === ":scheme" || name === ":authority";
}

function areRegular(fields: readonly string[], from: number): boolean {
  for (let at = from; at < fields.length; at += 2) {
    const name = fields[at] ?? "";
    const value = fields[at + 1] ?? "";
    if (brokenValue.test(value)) return false;
    if (usual.has(name)) continue;
    if (!namePattern.test(name) || ofConnection.has(name)) return false;
    if (name === "te" && value !== "trailers") return false;
  }
  return true;
}

function contentLength(fields: readonly string[], from: number): number | undefined | "broken" {
  let found: string | undefined;
  for (let at = from; at < fields.length; at += 2) {
    if (fields[at] !== "content-length") continue;
    const value = fields[at + 1] ?? "";
    if (!/^\d{1,15}$/.test(value) || (found !== undefined && found !== value)) return "broken";
    found = value;
  }
  return found === undefined ? undefined : Number(found);
}
