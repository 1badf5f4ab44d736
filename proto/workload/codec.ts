/**
 * A static codec for the SPIFFE Workload API (workloadapi.proto), the only wire code the SDK carries: requests are
 * written, responses are read. Unknown fields are skipped, and so is a known one of another wire type; a message that
 * does not decode, or is made of too many parts, throws `WireError`.
 * Byte fields are views of the input: they are valid as long as nobody reuses that buffer.
 */
import { isUtf8 } from "node:buffer";
import { WireReader } from "../wire/reader.ts";
import { WireWriter } from "../wire/writer.ts";

class WireError extends Error {
  override readonly name = "WireError";
  readonly code = "ERR_WORKLOAD_API_MALFORMED";
}

export interface X509SvidResponse {
  readonly svids: readonly WireX509Svid[];
  readonly crl: readonly Uint8Array[];
  readonly federatedBundles: ReadonlyMap<string, Uint8Array>;
}

export interface WireX509Svid {
  readonly spiffeId: string;
  readonly x509Svid: Uint8Array;
  readonly x509SvidKey: Uint8Array;
  readonly bundle: Uint8Array;
  readonly hint: string;
}

export interface X509BundlesResponse {
  readonly crl: readonly Uint8Array[];
  readonly bundles: ReadonlyMap<string, Uint8Array>;
}

export interface WireJwtSvid {
  readonly spiffeId: string;
  readonly svid: string;
  readonly hint: string;
}

export interface ValidateJwtSvidResponse {
  readonly spiffeId: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

const empty: Uint8Array = new Uint8Array(0);
/** google.protobuf.Struct nests; deeper than this is refused. */
const maxStructDepth = 32;
/** Fields of one message. A few bytes each: without a bound 16 MiB of them would become gigabytes of objects. */
const maxFields = 20_000;

export const encodeEmpty = (): Uint8Array => empty;

export function encodeJwtSvidRequest(audience: readonly string[], spiffeId: string): Uint8Array {
  const writer = new WireWriter();
  for (const one of audience) writer.uint32(10).string(one);
  if (spiffeId !== "") writer.uint32(18).string(spiffeId);
  return writer.finish();
}

export function encodeValidateJwtSvidRequest(audience: string, token: string): Uint8Array {
  return new WireWriter().uint32(10).string(audience).uint32(18).string(token).finish();
}

export function decodeX509SvidResponse(bytes: Uint8Array): X509SvidResponse {
  const svids: WireX509Svid[] = [];
  const crl: Uint8Array[] = [];
  const federatedBundles = new Map<string, Uint8Array>();
  readFields(bytes, (field, reader) => {
    if (field === 1) svids.push(decodeX509Svid(reader.bytes()));
    else if (field === 2) crl.push(reader.bytes());
    else if (field === 3) readMapEntry(reader.bytes(), federatedBundles);
    else return false;
    return true;
  });
  return { svids, crl, federatedBundles };
}

export function decodeX509BundlesResponse(bytes: Uint8Array): X509BundlesResponse {
  const crl: Uint8Array[] = [];
  const bundles = new Map<string, Uint8Array>();
  readFields(bytes, (field, reader) => {
    if (field === 1) crl.push(reader.bytes());
    else if (field === 2) readMapEntry(reader.bytes(), bundles);
    else return false;
    return true;
  });
  return { crl, bundles };
}

export function decodeJwtSvidResponse(bytes: Uint8Array): readonly WireJwtSvid[] {
  const svids: WireJwtSvid[] = [];
  readFields(bytes, (field, reader) => {
    if (field !== 1) return false;
    svids.push(decodeJwtSvid(reader.bytes()));
    return true;
  });
  return svids;
}

export function decodeJwtBundlesResponse(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const bundles = new Map<string, Uint8Array>();
  readFields(bytes, (field, reader) => {
    if (field !== 1) return false;
    readMapEntry(reader.bytes(), bundles);
    return true;
  });
  return bundles;
}

export function decodeValidateJwtSvidResponse(bytes: Uint8Array): ValidateJwtSvidResponse {
  let spiffeId = "";
  let claims: Readonly<Record<string, unknown>> = {};
  readFields(bytes, (field, reader) => {
    if (field === 1) spiffeId = text(reader);
    else if (field === 2) claims = decodeStruct(reader.bytes(), 0);
    else return false;
    return true;
  });
  return { spiffeId, claims };
}

function decodeX509Svid(bytes: Uint8Array): WireX509Svid {
  const svid: Mutable<WireX509Svid> = { spiffeId: "", x509Svid: empty, x509SvidKey: empty, bundle: empty, hint: "" };
  readFields(bytes, (field, reader) => {
    if (field === 1) svid.spiffeId = text(reader);
    else if (field === 2) svid.x509Svid = reader.bytes();
    else if (field === 3) svid.x509SvidKey = reader.bytes();
    else if (field === 4) svid.bundle = reader.bytes();
    else if (field === 5) svid.hint = text(reader);
    else return false;
    return true;
  });
  return svid;
}

function decodeJwtSvid(bytes: Uint8Array): WireJwtSvid {
  const svid = { spiffeId: "", svid: "", hint: "" };
  readFields(bytes, (field, reader) => {
    if (field === 1) svid.spiffeId = text(reader);
    else if (field === 2) svid.svid = text(reader);
    else if (field === 3) svid.hint = text(reader);
    else return false;
    return true;
  });
  return svid;
}

function readMapEntry(bytes: Uint8Array, into: Map<string, Uint8Array>): void {
  let key = "";
  let value: Uint8Array = empty;
  readFields(bytes, (field, reader) => {
    if (field === 1) key = text(reader);
    else if (field === 2) value = reader.bytes();
    else return false;
    return true;
  });
  into.set(key, value);
}

function decodeStruct(bytes: Uint8Array, depth: number): Readonly<Record<string, unknown>> {
  const fields: Record<string, unknown> = Object.create(null);
  readFields(bytes, (field, reader) => {
    if (field !== 1) return false;
    let key = "";
    let value: unknown = null;
    readFields(reader.bytes(), (inner, entry) => {
      if (inner === 1) key = text(entry);
      else if (inner === 2) value = decodeValue(entry.bytes(), depth + 1);
      else return false;
      return true;
    });
    fields[key] = value;
    return true;
  });
  return fields;
}

function decodeValue(bytes: Uint8Array, depth: number): unknown {
  if (depth > maxStructDepth) throw new WireError("claims nest too deeply");
  let value: unknown = null;
  const read = (field: number, reader: WireReader): boolean => {
    if (field === 1) {
      reader.int64();
      value = null;
    } else if (field === 2) value = reader.double();
    else if (field === 3) value = text(reader);
    else if (field === 4) value = reader.bool();
    else if (field === 5) value = decodeStruct(reader.bytes(), depth + 1);
    else if (field === 6) value = decodeList(reader.bytes(), depth + 1);
    else return false;
    return true;
  };
  readFields(bytes, read, valueWireTypes);
  return value;
}

function decodeList(bytes: Uint8Array, depth: number): readonly unknown[] {
  const values: unknown[] = [];
  readFields(bytes, (field, reader) => {
    if (field !== 1) return false;
    values.push(decodeValue(reader.bytes(), depth));
    return true;
  });
  return values;
}

/** google.protobuf.Value: null, number, string, bool, struct, list. */
const valueWireTypes: ReadonlyMap<number, number> = new Map([
  [1, 0],
  [2, 1],
  [3, 2],
  [4, 0],
  [5, 2],
  [6, 2],
]);

/** proto3: a string is UTF-8, and a message with another one is no message. */
function text(reader: WireReader): string {
  const bytes = reader.bytes();
  if (!isUtf8(bytes)) throw new WireError("the Workload API sent a text that is not UTF-8");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

/**
 * Calls `read` for each field of its wire type (length-delimited, where `wireTypes` does not say otherwise); others and
 * those for which it answers `false` are skipped. Errors of the reader become `WireError`.
 */
function readFields(
  bytes: Uint8Array,
  read: (field: number, reader: WireReader) => boolean,
  wireTypes: ReadonlyMap<number, number> = new Map(),
): void {
  try {
    const reader = new WireReader(bytes);
    for (let fields = 0; !reader.isAtEnd; fields += 1) {
      if (fields === maxFields) throw new WireError(`the Workload API sent a message of more than ${maxFields} fields`);
      const tag = reader.uint32();
      const field = tag >>> 3;
      const wireType = tag & 7;
      if (field === 0) throw new WireError("the Workload API sent a field without a number");
      if (wireType !== (wireTypes.get(field) ?? 2) || !read(field, reader)) reader.skip(wireType);
    }
  } catch (error) {
    if (error instanceof WireError) throw error;
    throw new WireError("the Workload API sent a message that does not decode", { cause: error });
  }
}
