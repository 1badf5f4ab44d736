import { isUtf8 } from "node:buffer";
import { spiffeLimits } from "../limits.ts";

export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;
export type JsonObject = ReadonlyMap<string, JsonValue>;

/** Why a document is not the JSON we accept. Callers wrap it in a SpiffeError of their own code. */
export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";
}

/**
 * RFC 8259 with three differences from `JSON.parse`: a repeated member name is an error (BND-35, RFC 7515 §4),
 * integers beyond 2^53 become exact bigints (BND-15), and nesting is bounded. Objects become Maps, so that no name
 * can reach a prototype. The caller bounds the length.
 * @throws JsonSyntaxError, and nothing else
 */
export function parseJson(source: string | Uint8Array): JsonValue {
  return new JsonParser(typeof source === "string" ? source : decodeUtf8(source)).document();
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map;
}

export function isJsonArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function decodeUtf8(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new JsonSyntaxError("not valid UTF-8");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

// Sticky expressions: each match starts exactly at the parser's position and reads a flat character class, so none can backtrack far.
const spacePattern = /[ \t\n\r]*/y;
const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const integerPattern = /^-?[0-9]{1,20}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 forbids exactly these unescaped in a string.
const plainTextPattern = /[^"\\\u0000-\u001f]*/y;
const hexPattern = /[0-9a-fA-F]{4}/y;

const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

class JsonParser {
  readonly #text: string;
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonValue {
    const value = this.#value(0);
    this.#skipSpace();
    if (this.#offset !== this.#text.length) throw this.#error("text after the end of the value");
    return value;
  }

  #value(depth: number): JsonValue {
    if (depth > spiffeLimits.jsonDepth.value) throw this.#error("nested too deeply");
    this.#skipSpace();
    switch (this.#text[this.#offset]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string();
      case "t":
        return this.#literal("true", true);
      case "f":
        return this.#literal("false", false);
      case "n":
        return this.#literal("null", null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, JsonValue>();
    this.#offset += 1;
    this.#skipSpace();
    if (this.#take("}")) return members;
    do {
      this.#skipSpace();
      if (this.#text[this.#offset] !== '"') throw this.#error("a member name was expected");
      const name = this.#string();
      if (members.has(name)) throw this.#error("a member name is repeated");
      this.#skipSpace();
      if (!this.#take(":")) throw this.#error("a colon was expected");
      members.set(name, this.#value(depth + 1));
      this.#skipSpace();
    } while (this.#take(","));
    if (!this.#take("}")) throw this.#error("the object is not closed");
    return members;
  }

  #array(depth: number): readonly JsonValue[] {
    const elements: JsonValue[] = [];
    this.#offset += 1;
    this.#skipSpace();
    if (this.#take("]")) return elements;
    do {
      elements.push(this.#value(depth + 1));
      this.#skipSpace();
    } while (this.#take(","));
    if (!this.#take("]")) throw this.#error("the array is not closed");
    return elements;
  }

  #string(): string {
    this.#offset += 1;
    let text = this.#match(plainTextPattern);
    while (!this.#take('"')) {
      if (!this.#take("\\")) throw this.#error("the string is not closed or holds a control character");
      text += this.#escape() + this.#match(plainTextPattern);
    }
    return text;
  }

  #escape(): string {
    if (this.#take("u")) {
      const hex = this.#match(hexPattern);
      if (hex === "") throw this.#error("bad \\u escape");
      return String.fromCharCode(Number.parseInt(hex, 16));
    }
    const plain = escapes.get(this.#text[this.#offset] ?? "");
    if (plain === undefined) throw this.#error("bad escape");
    this.#offset += 1;
    return plain;
  }

  #number(): number | bigint {
    const text = this.#match(numberPattern);
    if (text === "") throw this.#error("a value was expected");
    const value = Number(text);
    if (!Number.isFinite(value)) throw this.#error("the number is too large");
    return integerPattern.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
  }

  #literal<Value extends boolean | null>(word: string, value: Value): Value {
    if (!this.#text.startsWith(word, this.#offset)) throw this.#error("a value was expected");
    this.#offset += word.length;
    return value;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#offset;
    const text = pattern.exec(this.#text)?.[0] ?? "";
    this.#offset += text.length;
    return text;
  }

  #skipSpace(): void {
    this.#match(spacePattern);
  }

  #take(character: string): boolean {
    if (this.#text[this.#offset] !== character) return false;
    this.#offset += 1;
    return true;
  }

  /** Names the place, never the text: it may be a token. */
  #error(what: string): JsonSyntaxError {
    return new JsonSyntaxError(`${what} at offset ${this.#offset}`);
  }
}
