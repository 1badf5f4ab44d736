/**
 * Which fields of a message are meant. No mask on the wire means all of them; identifiers cannot be masked out.
 * Names are those of the wire.
 */
export interface Mask<Field extends string> {
  has(field: Field): boolean;
}

const everything: Mask<string> = { has: () => true };
/** What is left is the identifier. */
export const nothing: Mask<string> = { has: () => false };

/** An absent mask is all fields; a present one those that are set. */
export function decodeMask<Field extends string>(
  wire: Readonly<Record<Field, boolean>> | null | undefined,
): Mask<Field> {
  return wire === null || wire === undefined ? everything : { has: (field) => wire[field] };
}

/** `value` without the fields that `mask` leaves out and `isMaskable` knows. */
export function applyMask<Message extends object, Field extends string>(
  value: Message,
  mask: Mask<Field>,
  isMaskable: (name: string) => name is Field,
): Message {
  const masked = { ...value };
  for (const name of Object.keys(masked)) if (isMaskable(name) && !mask.has(name)) Reflect.deleteProperty(masked, name);
  return masked;
}

/** A guard for a closed list of field names. */
export function oneOf<const Field extends string>(fields: readonly Field[]): (name: string) => name is Field {
  const known = new Set<string>(fields);
  return (name): name is Field => known.has(name);
}
