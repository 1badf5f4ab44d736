import { asBuffer } from "./bytes.ts";
import { CertsError } from "./errors.ts";
import { certsLimits } from "./limits.ts";
import { Certificate } from "./x509/certificate.ts";

const begin = "-----BEGIN ";
const dashes = "-----";

/** RFC 7468, lines of 64 characters. */
export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    asBuffer(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `${[`${begin}${label}${dashes}`, ...lines, `-----END ${label}${dashes}`].join("\n")}\n`;
}

/**
 * The blocks with this label, in order. Text between blocks and blocks of other labels are skipped.
 * Throws ERR_PEM_TOO_LARGE, ERR_PEM_MALFORMED, and ERR_PEM_EMPTY when there is no such block.
 */
export function decodePem(text: string, label: string): readonly Uint8Array[] {
  if (text.length > certsLimits.pemBytes.value) {
    throw new CertsError("ERR_PEM_TOO_LARGE", `PEM text of ${text.length} characters`);
  }
  const blocks: Uint8Array[] = [];
  let count = 0;
  for (let at = text.indexOf(begin); at !== -1; at = text.indexOf(begin, at)) {
    if (++count > certsLimits.pemBlocks.value) {
      throw new CertsError("ERR_PEM_TOO_LARGE", `more than ${certsLimits.pemBlocks.value} PEM blocks`);
    }
    const labelEnd = text.indexOf(dashes, at + begin.length);
    const found = labelEnd === -1 ? "" : text.slice(at + begin.length, labelEnd);
    if (labelEnd === -1 || found.length > 64 || found.includes("\n")) throw malformed("a PEM block has no label");
    const bodyStart = labelEnd + dashes.length;
    const footer = `-----END ${found}${dashes}`;
    const bodyEnd = text.indexOf(footer, bodyStart);
    if (bodyEnd === -1) throw malformed(`a PEM block "${printable(found)}" has no end`);
    if (found === label) blocks.push(decodeBody(text.slice(bodyStart, bodyEnd)));
    at = bodyEnd + footer.length;
  }
  if (blocks.length === 0) throw new CertsError("ERR_PEM_EMPTY", `no PEM block "${label}"`);
  return blocks;
}

/** Canonical base64 between line breaks, which must not hide other bytes. */
function decodeBody(body: string): Uint8Array {
  const base64 = body.replaceAll(/[\r\n\t ]/g, "");
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length === 0 || bytes.toString("base64") !== base64) throw malformed("a PEM block is not base64");
  return new Uint8Array(bytes);
}

function printable(label: string): string {
  return label.replaceAll(/[^A-Za-z0-9 #-]/g, "?");
}

/** All certificates of a PEM text, at least one. Also throws as `Certificate.parse`. */
export function parsePemCertificates(text: string): readonly Certificate[] {
  return decodePem(text, "CERTIFICATE").map((der) => Certificate.parse(der));
}

function malformed(message: string): CertsError {
  return new CertsError("ERR_PEM_MALFORMED", message);
}
