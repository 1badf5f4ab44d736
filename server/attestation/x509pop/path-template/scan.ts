import { PathTemplateError } from "./path-template-error.ts";

/** `at`: index of its first character in the template. */
export type Token =
  | { readonly kind: "field"; readonly text: string; readonly at: number }
  | { readonly kind: "name"; readonly text: string; readonly at: number }
  | { readonly kind: "string"; readonly text: string; readonly at: number }
  | { readonly kind: "number"; readonly value: number; readonly at: number }
  | { readonly kind: "|" | "(" | ")"; readonly at: number };

export type Piece =
  | { readonly kind: "text"; readonly text: string; readonly at: number }
  | { readonly kind: "action"; readonly tokens: readonly Token[]; readonly at: number };

const actionEnd = "}}";

/** Splits a template into text and actions (`{{ … }}`), as Go's text/template does, trim markers and comments included. */
export function scanTemplate(template: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trimsNext = false;
  while (at < template.length) {
    const open = template.indexOf("{{", at);
    const textEnd = open === -1 ? template.length : open;
    const trimsBefore = open !== -1 && /^\{\{-\s/.test(template.slice(open, open + 4));
    let text = template.slice(at, textEnd);
    if (trimsNext) text = text.trimStart();
    if (trimsBefore) text = text.trimEnd();
    if (text !== "") pieces.push({ kind: "text", text, at });
    if (open === -1) break;
    const action = scanAction(template, open + (trimsBefore ? 3 : 2));
    if (!action.isComment) pieces.push({ kind: "action", tokens: action.tokens, at: open });
    trimsNext = action.trimsAfter;
    at = action.end;
  }
  return pieces;
}

interface Action {
  readonly tokens: readonly Token[];
  readonly isComment: boolean;
  readonly trimsAfter: boolean;
  /** Behind the closing braces. */
  readonly end: number;
}

const tokenForms =
  /(?<space>\s+)|(?<field>\.[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|(?<name>[A-Za-z_]\w*)|(?<number>-?\d{1,9})(?![\w.])|(?<quoted>"(?:[^"\\\n]|\\["\\])*")|(?<raw>`[^`]*`)|(?<mark>[|()])/y;

function scanAction(template: string, start: number): Action {
  const comment = /\s*\/\*.*?\*\/(?:\s+(-))?\}\}/sy;
  comment.lastIndex = start;
  const remark = comment.exec(template);
  if (remark !== null) {
    return { tokens: [], isComment: true, trimsAfter: remark[1] !== undefined, end: comment.lastIndex };
  }
  const tokens: Token[] = [];
  for (let at = start; at < template.length; ) {
    const trimsAfter = /^\s-\}\}/.test(template.slice(at, at + 4));
    if (trimsAfter) return { tokens, isComment: false, trimsAfter, end: at + 4 };
    if (template.startsWith(actionEnd, at)) return { tokens, isComment: false, trimsAfter, end: at + 2 };
    tokenForms.lastIndex = at;
    const groups = tokenForms.exec(template)?.groups;
    if (groups === undefined)
      throw new PathTemplateError(`${JSON.stringify(template.charAt(at))} is not supported here`, at);
    const token = toToken(groups, at);
    if (token !== undefined) tokens.push(token);
    // A space in front of "-}}" is part of the trim marker.
    at = groups["space"] === undefined ? tokenForms.lastIndex : at + 1;
  }
  throw new PathTemplateError("an action is not closed with }}", start);
}

function toToken(groups: Readonly<Record<string, string | undefined>>, at: number): Token | undefined {
  const { field, name, number, quoted, raw, mark } = groups;
  if (field !== undefined) return { kind: "field", text: field, at };
  if (name !== undefined) return { kind: "name", text: name, at };
  if (number !== undefined) return { kind: "number", value: Number(number), at };
  if (quoted !== undefined) return { kind: "string", text: quoted.slice(1, -1).replaceAll(/\\(["\\])/g, "$1"), at };
  if (raw !== undefined) return { kind: "string", text: raw.slice(1, -1), at };
  if (mark === "|" || mark === "(" || mark === ")") return { kind: mark, at };
  return undefined;
}
