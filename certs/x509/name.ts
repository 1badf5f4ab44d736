import { asciiBytes, toHex } from "../bytes.ts";
import { tlv } from "../der/encode.ts";
import { encodeOid } from "../der/oid.ts";
import { type DerElement, DerReader } from "../der/reader.ts";
import { tag } from "../der/tags.ts";
import { isPrintable } from "../der/writer.ts";
import { CertsError } from "../errors.ts";
import { certsLimits } from "../limits.ts";

/** The attributes of a subject that we write. Absent and empty ones are left out. */
export interface DistinguishedName {
  /** Two letters (ISO 3166). */
  readonly country?: string | undefined;
  readonly organization?: string | undefined;
  readonly organizationalUnit?: string | undefined;
  readonly commonName?: string | undefined;
  /** The X.520 attribute, not the certificate's number. */
  readonly serialNumber?: string | undefined;
}

/** In the order in which Go, and so SPIRE, writes them. */
const attributes = [
  { key: "country", type: "2.5.4.6" },
  { key: "organization", type: "2.5.4.10" },
  { key: "organizationalUnit", type: "2.5.4.11" },
  { key: "commonName", type: "2.5.4.3" },
  { key: "serialNumber", type: "2.5.4.5" },
] as const;

const typeElements = new Map(attributes.map(({ key, type }) => [key, tlv(tag.oid, encodeOid(type))]));

/**
 * DER Name. PrintableString where the text allows it, else UTF8String; the same text always gives the same bytes, so
 * names can be compared as bytes. Throws ERR_TEMPLATE_INVALID (length of RFC 5280 appendix A, control characters).
 */
export function nameDer(subject: DistinguishedName): Uint8Array {
  const relativeNames: Uint8Array[] = [];
  for (const { key } of attributes) {
    const text = subject[key];
    const type = typeElements.get(key);
    if (text === undefined || text === "" || type === undefined) continue;
    checkAttribute(key, text);
    const value = isPrintable(text)
      ? tlv(tag.printableString, asciiBytes(text))
      : tlv(tag.utf8String, new TextEncoder().encode(text));
    relativeNames.push(tlv(tag.set, tlv(tag.sequence, type, value)));
  }
  return tlv(tag.sequence, ...relativeNames);
}

function checkAttribute(key: keyof DistinguishedName, text: string): void {
  if (key === "country" && !/^[A-Za-z]{2}$/.test(text)) {
    throw new CertsError("ERR_TEMPLATE_INVALID", "the subject's country is not a code of two letters");
  }
  if ([...text].length > certsLimits.commonNameChars.value || /\p{Cc}/u.test(text) || !isWellFormed(text)) {
    throw new CertsError(
      "ERR_TEMPLATE_INVALID",
      `the subject's ${key} is too long or has characters that do not belong`,
    );
  }
}

/** Lone surrogates have no UTF-8 form. */
function isWellFormed(text: string): boolean {
  return !/[\ud800-\udfff]/u.test(text);
}

/** Reads past a Name after checking its structure; returns the whole element. Throws ERR_DER_…. */
export function readName(reader: DerReader): Uint8Array {
  const name = reader.readWhole(tag.sequence).bytes;
  walkName(name);
  return name;
}

interface NameAttribute {
  readonly type: string;
  readonly valueTag: number;
  readonly value: Uint8Array;
}

/** Goes over a Name, which is the check of its structure, and gives each relative name to `visit`. */
function walkName(name: Uint8Array, visit?: (relative: readonly NameAttribute[]) => void): void {
  const max = certsLimits.nameAttributes.value;
  const sequence = DerReader.over(name).enter();
  for (let count = 0; !sequence.isAtEnd; count++) {
    if (count >= max) throw new CertsError("ERR_DER_TOO_LARGE", `name of more than ${max} parts`);
    const set = sequence.readSetOf(tag.set, max);
    if (set.length === 0) throw new CertsError("ERR_DER_UNEXPECTED", "relative name without attributes");
    const relative = set.map(readAttribute);
    visit?.(relative);
  }
}

function readAttribute({ bytes }: DerElement): NameAttribute {
  const attribute = DerReader.over(bytes).enter();
  const type = attribute.readOid();
  const value = attribute.readElement();
  attribute.finish();
  return { type, valueTag: value.tag, value: value.content };
}

const labels = new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.5", "SERIALNUMBER"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
]);

/** RFC 4514 text of a Name that `readName` accepted; for people, never for decisions. */
export function nameText(name: Uint8Array): string {
  const parts: string[] = [];
  walkName(name, (relative) => {
    parts.unshift(
      relative.map((attribute) => `${labels.get(attribute.type) ?? attribute.type}=${valueText(attribute)}`).join("+"),
    );
  });
  return parts.join(",");
}

/** Attribute type (object identifier) and text of a Name that `readName` accepted, in order; odd string types are left out. */
export function nameAttributes(name: Uint8Array): readonly { readonly type: string; readonly text: string }[] {
  const found: { readonly type: string; readonly text: string }[] = [];
  walkName(name, (relative) => {
    for (const { type, valueTag, value } of relative) {
      const text = decodeText(valueTag, value);
      if (text !== undefined) found.push({ type, text });
    }
  });
  return found;
}

function valueText({ valueTag, value }: NameAttribute): string {
  const text = decodeText(valueTag, value);
  if (text === undefined) return `#${toHex(tlv(valueTag, value))}`;
  return text
    .replaceAll(/[,+"\\<>;=]/g, "\\$&")
    .replaceAll(/\p{C}/gu, (character) => [...new TextEncoder().encode(character)].map(hexPair).join(""))
    .replace(/^[ #]/, "\\$&")
    .replace(/(?<!\\) $/, "\\ ");
}

function hexPair(byte: number): string {
  return `\\${byte.toString(16).padStart(2, "0")}`;
}

function decodeText(valueTag: number, value: Uint8Array): string | undefined {
  switch (valueTag) {
    case tag.utf8String:
    case tag.printableString:
    case tag.ia5String: {
      const text = new TextDecoder().decode(value);
      return text.includes("\ufffd") ? undefined : text;
    }
    default:
      return undefined;
  }
}
