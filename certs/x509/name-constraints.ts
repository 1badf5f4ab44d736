import { DerReader } from "../der/reader.ts";
import { contextConstructed } from "../der/tags.ts";
import { CertsError } from "../errors.ts";
import { certsLimits } from "../limits.ts";
import { type GeneralName, generalNameTag, visibleAscii } from "./general-names.ts";

/** RFC 5280 §4.2.1.10; text bases are in lower case. */
export interface NameConstraints {
  /** Names of these kinds must be below one of these. */
  readonly permitted: readonly Subtree[];
  /** No name may be below one of these. */
  readonly excluded: readonly Subtree[];
}

/** Names of one kind and from one base down. */
export type Subtree =
  | {
      /** Names that are text. */
      readonly kind: "uri" | "dns";
      /** A host, in lower case, and what is below it as RFC 5280 §4.2.1.10 has it for the kind. */
      readonly base: string;
    }
  | {
      /** Names of another kind: whatever has one is refused when it is constrained. */
      readonly kind: "other";
      /** As `GeneralName.tag`. */
      readonly tag: number;
    };

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
