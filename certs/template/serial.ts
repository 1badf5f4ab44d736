import { CertsError } from "../errors.ts";

/**
 * A serial number of 17 bytes from 16 random ones: a leading 01 keeps it positive, minimal, never zero and always of
 * one length, with all 128 bits random (RFC 5280 §4.1.2.2 allows 20 bytes). Throws ERR_TEMPLATE_INVALID.
 */
export function randomSerial(random16: Uint8Array): Uint8Array {
  if (random16.length !== 16) throw new CertsError("ERR_TEMPLATE_INVALID", "a serial number takes 16 random bytes");
  const serial = new Uint8Array(17);
  serial[0] = 1;
  serial.set(random16, 1);
  return serial;
}
