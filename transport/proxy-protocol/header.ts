import { isIPv4, isIPv6, SocketAddress } from "node:net";
import { transportLimits } from "../limits.ts";
import { plainAddress } from "../plain-address.ts";

/** Where a connection comes from, by the word of a proxy. */
export interface ProxiedSource {
  readonly address: string;
  readonly port: number;
}

export type HeaderReading =
  /** A beginning that may become a header. */
  | { readonly kind: "incomplete" }
  | { readonly kind: "malformed"; readonly reason: string }
  /** `source` undefined: the proxy speaks for itself (its health check), or does not know. */
  | { readonly kind: "header"; readonly bytes: number; readonly source: ProxiedSource | undefined };

const signature = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
const v1Begin = Buffer.from("PROXY ", "latin1");
/** The specification's own bound of version 1, CR LF included. */
const v1Bytes = 107;
const v2FixedBytes = 16;

/**
 * Reads a PROXY protocol header, version 1 or 2, at the start of `bytes`; nothing else may stand there. Only streams over
 * IPv4 and IPv6 have a source here; TLVs are passed over.
 */
export function readProxyHeader(bytes: Buffer): HeaderReading {
  if (begins(bytes, signature)) return bytes.length < v2FixedBytes ? incomplete : readVersion2(bytes);
  if (begins(bytes, v1Begin)) return readVersion1(bytes);
  return malformed("the connection does not begin with a PROXY protocol header");
}

const incomplete: HeaderReading = { kind: "incomplete" };

function malformed(reason: string): HeaderReading {
  return { kind: "malformed", reason };
}

/** As far as `bytes` goes. */
function begins(bytes: Buffer, begin: Buffer): boolean {
  const length = Math.min(bytes.length, begin.length);
  return bytes.subarray(0, length).equals(begin.subarray(0, length));
}

function readVersion1(bytes: Buffer): HeaderReading {
  const end = bytes.subarray(0, v1Bytes).indexOf("\r\n");
  if (end === -1) return bytes.length < v1Bytes ? incomplete : malformed("version 1 header without end");
  const line = bytes.toString("latin1", 0, end);
  const header = { kind: "header", bytes: end + 2 } as const;
  // What follows UNKNOWN is to be ignored.
  if (line === "PROXY UNKNOWN" || line.startsWith("PROXY UNKNOWN ")) return { ...header, source: undefined };
  const [, family, address = "", destination = "", port = "", toPort = "", ...rest] = line.split(" ");
  const isAddress = family === "TCP4" ? isIPv4 : family === "TCP6" ? isIPv6 : undefined;
  if (isAddress === undefined || rest.length > 0) return malformed("version 1 header of an unknown form");
  if (!isAddress(address) || !isAddress(destination)) return malformed("version 1 header with a bad address");
  if (!isPort(port) || !isPort(toPort)) return malformed("version 1 header with a bad port");
  return { ...header, source: { address: canonical(address), port: Number(port) } };
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function readVersion2(bytes: Buffer): HeaderReading {
  const [versionAndCommand = 0, family = 0] = bytes.subarray(12, 14);
  const command = versionAndCommand & 0x0f;
  if (versionAndCommand >> 4 !== 2 || command > 1)
    return malformed("version 2 header with an unknown version or command");
  const length = v2FixedBytes + bytes.readUInt16BE(14);
  if (length > transportLimits.proxyHeaderBytes) return malformed(`version 2 header of ${length} bytes`);
  if (bytes.length < length) return incomplete;
  const header = { kind: "header", bytes: length } as const;
  if (command === 0) return { ...header, source: undefined };
  const body = bytes.subarray(v2FixedBytes, length);
  switch (family) {
    case 0x11:
      return body.length < 12
        ? tooShort
        : { ...header, source: { address: body.subarray(0, 4).join("."), port: body.readUInt16BE(8) } };
    case 0x21:
      return body.length < 36
        ? tooShort
        : { ...header, source: { address: addressText(body), port: body.readUInt16BE(32) } };
    case 0x00:
      return { ...header, source: undefined };
    default:
      return malformed("version 2 header of a family that is not TCP over IP");
  }
}

const tooShort = malformed("version 2 header without room for its addresses");

function addressText(body: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => body.readUInt16BE(2 * index).toString(16));
  return canonical(groups.join(":"));
}

/** One spelling for one address: limits are counted by it. An IPv4 address in IPv6 clothes is an IPv4 address. */
function canonical(address: string): string {
  if (isIPv4(address)) return address;
  const { address: text } = new SocketAddress({ address, family: "ipv6" });
  return plainAddress(text);
}
