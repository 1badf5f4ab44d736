import { isIP, isIPv6 } from "node:net";
import { SpiffeError } from "./errors.ts";
import { spiffeLimits } from "./limits.ts";

export type EndpointAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** Which document's rules apply: only the Broker Endpoint may be addressed by host name (BEP-16, WEP-18). */
export type EndpointKind = "workload" | "broker";

const variables = { workload: "SPIFFE_ENDPOINT_SOCKET", broker: "SPIFFE_BROKER_SOCKET" } as const;

/**
 * Parses the address of a Workload Endpoint (SPIFFE_Workload_Endpoint §4) or Broker Endpoint. No URL library: those
 * repair what must be refused. An IPv6 host is returned without brackets; percent-encoding in a path is decoded.
 * @throws SpiffeError ERR_ENDPOINT_ADDRESS
 */
export function parseEndpointAddress(value: string, kind: EndpointKind = "workload"): EndpointAddress {
  if (value.length > spiffeLimits.endpointAddressBytes.value) throw invalid("it is too long");
  // A query or fragment exists as soon as its delimiter does (RFC 3986 §3).
  if (value.includes("?") || value.includes("#")) throw invalid("it has a query or fragment");
  if (value.startsWith("unix:")) return parseUnix(value.slice("unix:".length));
  if (value.startsWith("tcp://")) return parseTcp(value.slice("tcp://".length), kind);
  throw invalid("it does not start with unix: or tcp://");
}

/**
 * The address to use: the explicit one when given, and then the environment is not even looked at (WEP-12).
 * @throws SpiffeError ERR_ENDPOINT_ADDRESS, ERR_ENDPOINT_ADDRESS_MISSING
 */
export function resolveEndpointAddress(
  explicit: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  kind: EndpointKind = "workload",
): EndpointAddress {
  if (explicit !== undefined) return parseEndpointAddress(explicit, kind);
  const variable = variables[kind];
  const value = environment[variable];
  if (value === "") throw new SpiffeError("ERR_ENDPOINT_ADDRESS", `${variable} is set, but empty`);
  if (value !== undefined) return named(variable, () => parseEndpointAddress(value, kind));
  throw new SpiffeError("ERR_ENDPOINT_ADDRESS_MISSING", `no endpoint address was given and ${variable} is not set`);
}

/** Who set the variable elsewhere must learn that it is the one. */
function named(variable: string, parse: () => EndpointAddress): EndpointAddress {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof SpiffeError)) throw error;
    throw new SpiffeError(error.code, `${variable}: ${error.message}`, { cause: error });
  }
}

function parseUnix(rest: string): EndpointAddress {
  const encoded = rest.startsWith("//") ? rest.slice(2) : rest;
  if (!encoded.startsWith("/")) throw invalid("unix: needs an absolute path and no authority");
  const path = decodePath(encoded);
  if (path === "/" || !isPrintable(path)) throw invalid("the path names no socket");
  return { kind: "unix", path };
}

function parseTcp(authority: string, kind: EndpointKind): EndpointAddress {
  const colon = authority.lastIndexOf(":");
  const portText = authority.slice(colon + 1);
  const host = colon === -1 ? "" : parseHost(authority.slice(0, colon), kind);
  if (host === "") throw invalid("tcp:// needs a host and a port");
  if (!/^[1-9][0-9]{0,4}$/.test(portText) || Number(portText) > 65_535)
    throw invalid("the port is not from 1 to 65535");
  return { kind: "tcp", host, port: Number(portText) };
}

function parseHost(text: string, kind: EndpointKind): string {
  if (text.startsWith("[") && text.endsWith("]")) {
    const address = text.slice(1, -1);
    // isIPv6 also takes zone ids, which no other host could resolve.
    if (isIPv6(address) && !address.includes("%")) return address;
    throw invalid("the host is not an IPv6 address");
  }
  if (isIP(text) === 4) return text;
  if (kind === "broker" && isHostName(text)) return text;
  throw invalid(kind === "broker" ? "the host is no IP address or name" : "the host is not an IP address");
}

function isHostName(text: string): boolean {
  return text.length <= 253 && /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(text) && !/^[0-9.]+$/.test(text);
}

function decodePath(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch (cause) {
    throw invalid("the path has a malformed percent-encoding", cause);
  }
}

function isPrintable(path: string): boolean {
  for (let offset = 0; offset < path.length; offset += 1) {
    const code = path.charCodeAt(offset);
    if (code < 0x20 || code === 0x7f) return false;
  }
  return path.isWellFormed();
}

function invalid(why: string, cause?: unknown): SpiffeError {
  return new SpiffeError("ERR_ENDPOINT_ADDRESS", `the endpoint address is not usable: ${why}`, { cause });
}
