import { DerReader } from "../der/reader.ts";
import { contextConstructed } from "../der/tags.ts";
import { CertsError } from "../errors.ts";
import { certsLimits } from "../limits.ts";
import { type GeneralName, generalNameTag, visibleAscii } from "./general-names.ts";

/** RFC 5280 §4.2.1.10; text bases are in lower case. */
export interface NameConstraints {
  readonly permitted: readonly Subtree[];
  readonly excluded: readonly Subtree[];
}

export type Subtree =
  | { readonly kind: "uri" | "dns"; readonly base: string }
  | { readonly kind: "other"; readonly tag: number };

/** Throws ERR_DER_…. */
export function parseNameConstraints(extensionValue: Uint8Array): NameConstraints {
  const outer = DerReader.over(extensionValue);
  const sequence = outer.enter();
  outer.finish();
  const permitted = sequence.enterOptional(contextConstructed(0));
  const excluded = sequence.enterOptional(contextConstructed(1));
  sequence.finish();
  if (permitted === undefined && excluded === undefined) {
    throw new CertsError("ERR_DER_UNEXPECTED", "name constraints are empty");
  }
  return { permitted: readSubtrees(permitted), excluded: readSubtrees(excluded) };
}

function readSubtrees(list: DerReader | undefined): readonly Subtree[] {
  if (list === undefined) return [];
  const elements = list.readAll(certsLimits.nameConstraintSubtrees.value);
  if (elements.length === 0) throw new CertsError("ERR_DER_UNEXPECTED", "name constraints are empty");
  return elements.map(({ bytes }) => {
    const subtree = DerReader.over(bytes).enter();
    const { tag, content } = subtree.readElement();
    // minimum 0 is the default and not written; maximum must be absent.
    subtree.finish();
    return toSubtree({ tag, value: content });
  });
}

function toSubtree({ tag, value }: GeneralName): Subtree {
  if (tag === generalNameTag.uri) return { kind: "uri", base: visibleAscii(value).toLowerCase() };
  if (tag === generalNameTag.dns) return { kind: "dns", base: visibleAscii(value).toLowerCase() };
  return { kind: "other", tag };
}
