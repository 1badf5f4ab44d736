/** Identifier octets, constructed bit included: comparing the whole octet also checks the form. */
export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** `[n]` with primitive content. */
export function contextPrimitive(n: number): number {
  return 0x80 | n;
}

/** `[n]` with constructed content. */
export function contextConstructed(n: number): number {
  return 0xa0 | n;
}
