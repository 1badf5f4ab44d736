import { inputError } from "../exit-codes.ts";

/** A value of an HCL file. */
export type HclValue = string | number | boolean | readonly HclValue[] | HclObject;

export interface HclObject {
  readonly items: readonly HclItem[];
}

/** `key = value`, `key { … }` or `key "label" { … }`. */
export interface HclItem {
  readonly key: string;
  readonly labels: readonly string[];
  readonly value: HclValue;
  /** From 1; 0 in JSON. */
  readonly line: number;
}

const maxDepth = 64;
/** Far above any configuration. */
const maxLength = 1024 * 1024;

/**
 * What SPIRE's configuration files are written in: HCL 1, or JSON. Interpolations stay as text, as SPIRE leaves them.
 *
 * @throws CommandError ERR_CONFIG with the line
 */
export function parseHcl(text: string): HclObject {
  if (text.length > maxLength) throw inputError("ERR_CONFIG", `it is larger than ${maxLength} characters`);
  return text.trimStart().startsWith("{") ? fromJson(text) : new Parser(text).file();
}

export function isObject(value: HclValue): value is HclObject {
  return typeof value === "object" && "items" in value;
}

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  /** Up to where lines have been counted, and the number of the line there. */
  #countedTo = 0;
  #lines = 1;

  constructor(text: string) {
    this.#text = text;
  }

  file(): HclObject {
    return { items: this.#items(undefined) };
  }

  #items(end: "}" | undefined): readonly HclItem[] {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw this.#wrong("it is nested too deeply");
    const items: HclItem[] = [];
    for (;;) {
      this.#skip();
      if (this.#take(",")) continue;
      if (end !== undefined && this.#take(end)) break;
      if (this.#at >= this.#text.length) {
        if (end !== undefined) throw this.#wrong(`"${end}" is missing`);
        break;
      }
      items.push(this.#item());
    }
    this.#depth -= 1;
    return items;
  }

  #item(): HclItem {
    const line = this.#line();
    const key = this.#key();
    const labels: string[] = [];
    for (;;) {
      this.#skip();
      if (this.#take("=") || this.#take(":")) {
        if (labels.length > 0) throw this.#wrong('"{" is missing');
        return { key, labels, value: this.#value(), line };
      }
      if (this.#take("{")) return { key, labels, value: { items: this.#items("}") }, line };
      labels.push(this.#key());
    }
  }

  #key(): string {
    if (this.#text[this.#at] === '"') return this.#string();
    return this.#match(/[A-Za-z_][\w.-]*/y) ?? this.#fail("a name is missing");
  }

  #value(): HclValue {
    this.#skip();
    if (this.#text[this.#at] === '"') return this.#string();
    if (this.#take("[")) return this.#list();
    if (this.#take("{")) return { items: this.#items("}") };
    const heredoc = this.#match(/<<-?[A-Za-z_]\w*\r?\n/y);
    if (heredoc !== undefined) return this.#heredoc(heredoc);
    const number = this.#match(/-?(?:0x[0-9A-Fa-f]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/y);
    if (number !== undefined) return /^-?0[0-7]+$/.test(number) ? Number(number.replace("0", "0o")) : Number(number);
    const word = this.#match(/true\b|false\b/y);
    return word === undefined ? this.#fail("a value is missing") : word === "true";
  }

  #list(): readonly HclValue[] {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw this.#wrong("it is nested too deeply");
    const values: HclValue[] = [];
    for (;;) {
      this.#skip();
      if (this.#take("]")) break;
      values.push(this.#value());
      this.#skip();
      if (!this.#take(",") && this.#text[this.#at] !== "]") throw this.#wrong('"," or "]" is missing');
    }
    this.#depth -= 1;
    return values;
  }

  #string(): string {
    const literal = this.#match(/"(?:[^"\\\n]|\\.)*"/y) ?? this.#fail("a text does not end");
    return literal
      .slice(1, -1)
      .replace(/\\(?:u([0-9A-Fa-f]{4})|(.))/g, (_all, hex: string | undefined, one: string) => {
        if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
        return escapes[one] ?? one;
      });
  }

  #heredoc(start: string): string {
    const marker = start.replace(/^<<-?/, "").trim();
    const end = new RegExp(`^[ \\t]*${marker}[ \\t]*$`, "m");
    const rest = this.#text.slice(this.#at);
    const found = end.exec(rest) ?? this.#fail(`"${marker}" is missing`);
    this.#at += found.index + found[0].length;
    const body = rest.slice(0, found.index);
    if (!start.startsWith("<<-")) return body;
    const lines = body.split("\n");
    const indents = lines.filter((line) => line.trim() !== "").map((line) => /^[ \t]*/.exec(line)?.[0].length ?? 0);
    const indent = indents.reduce((least, one) => Math.min(least, one), Number.POSITIVE_INFINITY);
    return lines.map((line) => line.slice(Math.min(indent, line.length))).join("\n");
  }

  #skip(): void {
    this.#match(/(?:\s|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y);
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  /** Of where the parser is. Each line break is counted once, however many items ask. */
  #line(): number {
    for (;;) {
      const next = this.#text.indexOf("\n", this.#countedTo);
      if (next === -1 || next >= this.#at) return this.#lines;
      this.#countedTo = next + 1;
      this.#lines += 1;
    }
  }

  #fail(problem: string): never {
    throw this.#wrong(problem);
  }

  #wrong(problem: string): Error {
    return inputError(
      "ERR_CONFIG",
      `line ${this.#line()}: ${problem}`,
      "is it a configuration of SPIRE's, in HCL or JSON?",
    );
  }
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

function fromJson(text: string): HclObject {
  try {
    const value = fromJsonValue(JSON.parse(text));
    if (isObject(value)) return value;
  } catch (error) {
    throw inputError("ERR_CONFIG", error instanceof Error ? error.message : String(error));
  }
  throw inputError("ERR_CONFIG", "it is no object");
}

function fromJsonValue(value: unknown): HclValue {
  if (Array.isArray(value)) return value.map(fromJsonValue);
  if (typeof value === "object" && value !== null) {
    return {
      items: Object.entries(value).map(([key, one]) => ({ key, labels: [], value: fromJsonValue(one), line: 0 })),
    };
  }
  return typeof value === "number" || typeof value === "boolean" ? value : String(value ?? "");
}
