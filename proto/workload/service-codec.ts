/**
 * The Workload API's messages from the serving side: requests are read, responses are written. For those who play an
 * agent (the testing kit); the agent itself has the generated codec.
 */
import { WireReader } from "../wire/reader.ts";
import { WireWriter } from "../wire/writer.ts";
import type {
  ValidateJwtSvidResponse,
  WireJwtSvid,
  WireX509Svid,
  X509BundlesResponse,
  X509SvidResponse,
} from "./codec.ts";

export function decodeJwtSvidRequest(bytes: Uint8Array): {
  readonly audience: readonly string[];
  readonly spiffeId: string;
} {
  const audience: string[] = [];
  let spiffeId = "";
  const reader = new WireReader(bytes);
  while (!reader.isAtEnd) {
    const tag = reader.uint32();
    if (tag === 0x0a) audience.push(reader.string());
    else if (tag === 0x12) spiffeId = reader.string();
    else reader.skip(tag & 7);
  }
  return { audience, spiffeId };
}

export function decodeValidateJwtSvidRequest(bytes: Uint8Array): { readonly audience: string; readonly svid: string } {
  const request = { audience: "", svid: "" };
  const reader = new WireReader(bytes);
  while (!reader.isAtEnd) {
    const tag = reader.uint32();
    if (tag === 0x0a) request.audience = reader.string();
    else if (tag === 0x12) request.svid = reader.string();
    else reader.skip(tag & 7);
  }
  return request;
}

export function encodeX509SvidResponse({ svids, crl, federatedBundles }: X509SvidResponse): Uint8Array {
  const writer = new WireWriter();
  for (const svid of svids) writer.uint32(0x0a).bytes(encodeX509Svid(svid));
  for (const list of crl) writer.uint32(0x12).bytes(list);
  writeMap(writer, 0x1a, federatedBundles);
  return writer.finish();
}

export function encodeX509BundlesResponse({ crl, bundles }: X509BundlesResponse): Uint8Array {
  const writer = new WireWriter();
  for (const list of crl) writer.uint32(0x0a).bytes(list);
  writeMap(writer, 0x12, bundles);
  return writer.finish();
}

export function encodeJwtBundlesResponse(bundles: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const writer = new WireWriter();
  writeMap(writer, 0x0a, bundles);
  return writer.finish();
}

export function encodeJwtSvidResponse(svids: readonly WireJwtSvid[]): Uint8Array {
  const writer = new WireWriter();
  for (const { spiffeId, svid, hint } of svids) {
    writer.uint32(0x0a).message((one) => {
      one.uint32(0x0a).string(spiffeId).uint32(0x12).string(svid);
      if (hint !== "") one.uint32(0x1a).string(hint);
    });
  }
  return writer.finish();
}

/** `claims` holds what JSON can hold. */
export function encodeValidateJwtSvidResponse({ spiffeId, claims }: ValidateJwtSvidResponse): Uint8Array {
  return new WireWriter().uint32(0x0a).string(spiffeId).uint32(0x12).bytes(encodeStruct(claims)).finish();
}

function encodeX509Svid({ spiffeId, x509Svid, x509SvidKey, bundle, hint }: WireX509Svid): Uint8Array {
  const writer = new WireWriter().uint32(0x0a).string(spiffeId).uint32(0x12).bytes(x509Svid);
  writer.uint32(0x1a).bytes(x509SvidKey).uint32(0x22).bytes(bundle);
  if (hint !== "") writer.uint32(0x2a).string(hint);
  return writer.finish();
}

function writeMap(writer: WireWriter, tag: number, entries: ReadonlyMap<string, Uint8Array>): void {
  for (const [key, value] of entries) {
    writer.uint32(tag).message((entry) => entry.uint32(0x0a).string(key).uint32(0x12).bytes(value));
  }
}

/** google.protobuf.Struct. */
function encodeStruct(fields: Readonly<Record<string, unknown>>): Uint8Array {
  const writer = new WireWriter();
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    writer.uint32(0x0a).message((field) => field.uint32(0x0a).string(key).uint32(0x12).bytes(encodeValue(value)));
  }
  return writer.finish();
}

function encodeValue(value: unknown): Uint8Array {
  const writer = new WireWriter();
  if (typeof value === "number") writer.uint32(0x11).double(value);
  else if (typeof value === "string") writer.uint32(0x1a).string(value);
  else if (typeof value === "boolean") writer.uint32(0x20).bool(value);
  else if (Array.isArray(value)) writer.uint32(0x32).bytes(encodeList(value));
  else if (typeof value === "object" && value !== null) {
    writer.uint32(0x2a).bytes(encodeStruct(Object.fromEntries(Object.entries(value))));
  } else writer.uint32(0x08).int64(0);
  return writer.finish();
}

function encodeList(values: readonly unknown[]): Uint8Array {
  const writer = new WireWriter();
  for (const value of values) writer.uint32(0x0a).bytes(encodeValue(value));
  return writer.finish();
}
