import { Document, visit } from "yaml";

/** What `printable` escapes; yaml itself escapes only the older control characters. */
const unprintable = /[\p{Cc}\p{Bidi_Control}]/u;

/**
 * YAML that may be shown on a terminal, and reads back as the same value: texts with control characters are quoted, and
 * those characters escaped.
 */
export function plainYaml(value: unknown): string {
  const document = new Document(value);
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === "string" && unprintable.test(node.value)) node.type = "QUOTE_DOUBLE";
    },
  });
  return document
    .toString({ lineWidth: 0 })
    .trimEnd()
    .replace(/[\p{Cc}\p{Bidi_Control}]/gu, (one) => (one === "\n" ? one : `\\u${hex4(one)}`));
}

function hex4(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).padStart(4, "0");
}
