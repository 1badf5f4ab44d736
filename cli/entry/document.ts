import { isCollection, isNode, LineCounter, parseDocument, type YAMLParseError } from "yaml";

/** Where in a file a value is: its line, from 1. The nearest value around it where it is not there itself. */
export type LineOf = (path: readonly PropertyKey[]) => number | undefined;

export interface TextDocument {
  readonly value: unknown;
  readonly lineOf: LineOf;
}

/** The library's own words for this one are for programmers. */
function problemOf({ code, message, linePos }: YAMLParseError): string {
  if (code !== "MULTIPLE_DOCS") return message.trimEnd();
  return `line ${linePos?.[0].line}: a second document starts; one file holds one: put everything into one list`;
}

/** YAML, and JSON with it. `problems` says what is not, with lines. */
export function parseText(text: string): TextDocument | { readonly problems: readonly string[] } {
  const lines = new LineCounter();
  const parsed = parseDocument(text, { prettyErrors: true, lineCounter: lines });
  if (parsed.errors.length > 0) return { problems: parsed.errors.map(problemOf) };
  const lineOf: LineOf = (path) => {
    let node: unknown = parsed.contents;
    for (const part of path) {
      const inner: unknown = isCollection(node) ? node.get(part, true) : undefined;
      if (!isNode(inner)) break;
      node = inner;
    }
    return isNode(node) && node.range != null ? lines.linePos(node.range[0]).line : undefined;
  };
  try {
    return { value: parsed.toJS({ maxAliasCount: 100 }), lineOf };
  } catch (error) {
    return { problems: [error instanceof Error ? error.message : String(error)] };
  }
}
