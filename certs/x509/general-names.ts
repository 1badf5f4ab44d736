import { asBuffer } from "../bytes.ts";
import { DerReader } from "../der/reader.ts";
import { CertsError } from "../errors.ts";
import { certsLimits } from "../limits.ts";

/** Context tags of GeneralName (RFC 5280 §4.2.1.6). */
export const generalNameTag = {
  otherName: 0xa0,
  email: 0x81,
  dns: 0x82,
  x400: 0xa3,
  directory: 0xa4,
  ediParty: 0xa5,
  uri: 0x86,
  ip: 0x87,
  registeredId: 0x88,
} as const;

const known: ReadonlySet<number> = new Set(Object.values(generalNameTag));

/** One alternative name (RFC 5280 §4.2.1.6). */
export interface GeneralName {
  /** Its kind: 0x86 a URI, 0x82 a DNS name, 0x87 an IP address. */
  readonly tag: number;
  /** Its bytes: ASCII text, or 4 or 16 bytes of an address. */
  readonly value: Uint8Array;
}

/**
 * Content of a subjectAltName. Text is read from the bytes, never from a rendering: a comma or NUL in a DNS name
 * must not look like two names. Throws ERR_DER_….
 */
export function parseGeneralNames(extensionValue: Uint8Array): readonly GeneralName[] {
  const outer = DerReader.over(extensionValue);
  const names = outer.enter().readAll(certsLimits.generalNames.value);
  outer.finish();
  if (names.length === 0) throw new CertsError("ERR_DER_UNEXPECTED", "list of names is empty");
  return names.map(({ tag, content }) => {
    if (!known.has(tag)) throw new CertsError("ERR_DER_UNEXPECTED", "name of an unknown kind");
    return { tag, value: content };
  });
}

/** The names of one textual kind, each visible ASCII without spaces. Throws ERR_DER_UNEXPECTED. */
export function textNames(names: readonly GeneralName[], kind: "uri" | "dns"): readonly string[] {
  return names.filter(({ tag }) => tag === generalNameTag[kind]).map(({ value }) => visibleAscii(value));
}

/** The IP addresses; what has another length is no address and is left out (RFC 5280 §4.2.1.6). */
export function addresses(names: readonly GeneralName[]): readonly Uint8Array[] {
  return names.flatMap(({ tag, value }) =>
    tag === generalNameTag.ip && (value.length === 4 || value.length === 16) ? [value] : [],
  );
}

export function visibleAscii(value: Uint8Array): string {
  for (const byte of value) {
    if (byte < 0x21 || byte > 0x7e)
      throw new CertsError("ERR_DER_UNEXPECTED", "name has bytes that are not visible ASCII");
  }
  return asBuffer(value).toString("latin1");
}
