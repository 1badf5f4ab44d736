import { type TemplateFacts, type TemplateField, templateFields } from "./fields.ts";
import { type TemplateFunction, templateFunctions } from "./functions.ts";
import { PathTemplateError } from "./path-template-error.ts";
import type { Token } from "./scan.ts";
import { asMap, noPath, type Value, type ValueType } from "./values.ts";

export interface Expression {
  readonly type: ValueType;
  /** Depends on nothing of the node. */
  readonly isConstant: boolean;
  /** Whoever wrote it reckons with slashes in the value. */
  readonly hasSlashes: boolean;
  readonly isPluginName: boolean;
  readonly at: number;
  evaluate(facts: TemplateFacts): Value;
}

const deepest = 16;

/** One action: a pipeline of field references, literals and functions of the list. Throws PathTemplateError. */
export function parseExpression(tokens: readonly Token[], at: number): Expression {
  const parser = new ExpressionParser(tokens, at);
  return parser.whole();
}

class ExpressionParser {
  readonly #tokens: readonly Token[];
  readonly #start: number;
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], start: number) {
    this.#tokens = tokens;
    this.#start = start;
  }

  whole(): Expression {
    const expression = this.#pipeline();
    const rest = this.#peek();
    if (rest !== undefined) throw new PathTemplateError(`unexpected ${spelling(rest)}`, rest.at);
    return expression;
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next];
  }

  #pipeline(): Expression {
    let value = this.#command(undefined);
    while (this.#peek()?.kind === "|") {
      this.#next += 1;
      value = this.#command(value);
    }
    return value;
  }

  /** `piped` becomes the last argument. */
  #command(piped: Expression | undefined): Expression {
    const first = this.#peek();
    if (first?.kind === "name") {
      this.#next += 1;
      const args: Expression[] = [];
      for (let operand = this.#operand(); operand !== undefined; operand = this.#operand()) args.push(operand);
      return call(first.text, piped === undefined ? args : [...args, piped], first.at);
    }
    const operand = this.#operand();
    if (operand === undefined) throw new PathTemplateError("a value is missing", first?.at ?? this.#start);
    const extra = this.#peek();
    if (piped !== undefined || (extra !== undefined && extra.kind !== "|" && extra.kind !== ")")) {
      throw new PathTemplateError("only a function can be given values", operand.at);
    }
    return operand;
  }

  #operand(): Expression | undefined {
    const token = this.#peek();
    if (token === undefined) return undefined;
    switch (token.kind) {
      case "|":
      case ")":
        return undefined;
      case "name":
        throw new PathTemplateError(`a function among values needs parentheses: (${token.text} …)`, token.at);
      case "(":
        return this.#parenthesised(token.at);
      case "field":
        this.#next += 1;
        return field(token.text, token.at);
      case "string":
        this.#next += 1;
        return literal("text", token.text, token.at);
      case "number":
        this.#next += 1;
        return literal("number", token.value, token.at);
    }
  }

  #parenthesised(at: number): Expression {
    this.#next += 1;
    this.#depth += 1;
    if (this.#depth > deepest) throw new PathTemplateError("parentheses are nested too deeply", at);
    const inner = this.#pipeline();
    if (this.#peek()?.kind !== ")") throw new PathTemplateError("a parenthesis is not closed", at);
    this.#next += 1;
    this.#depth -= 1;
    return inner;
  }
}

function literal(type: ValueType, value: Value, at: number): Expression {
  const hasSlashes = typeof value === "string" && value.includes("/");
  return { type, isConstant: true, hasSlashes, isPluginName: false, at, evaluate: () => value };
}

function field(name: string, at: number): Expression {
  const known = templateFields.get(name);
  if (known !== undefined) return { ...ofField(known, at), isPluginName: name === ".PluginName" };
  const dot = name.lastIndexOf(".");
  const map = templateFields.get(name.slice(0, dot));
  if (map?.type !== "map") throw new PathTemplateError(`unknown field ${name}`, at);
  const key = name.slice(dot + 1);
  return {
    ...ofField(map, at),
    type: "text",
    evaluate: (facts) => {
      const value = asMap(map.read(facts)).get(key);
      if (value === undefined) throw noPath(`it has no ${name}`);
      return value;
    },
  };
}

function ofField({ type, isConstant, hasSlashes, read }: TemplateField, at: number): Expression {
  return {
    type,
    isConstant: isConstant === true,
    hasSlashes: hasSlashes === true,
    isPluginName: false,
    at,
    evaluate: read,
  };
}

function call(name: string, args: readonly Expression[], at: number): Expression {
  const forms = templateFunctions.get(name);
  if (forms === undefined) throw new PathTemplateError(`unknown function ${name}`, at);
  const types = args.map(({ type }) => type);
  const form = forms.find(({ takes }) => takes.join() === types.join());
  if (form === undefined) throw new PathTemplateError(`${name} takes ${forms.map(signature).join(" or ")}`, at);
  return {
    type: form.gives,
    isConstant: args.every(({ isConstant }) => isConstant),
    hasSlashes: args.some(({ hasSlashes }) => hasSlashes),
    isPluginName: false,
    at,
    evaluate: (facts) => form.apply(args.map((argument) => argument.evaluate(facts))),
  };
}

function signature({ takes }: TemplateFunction): string {
  return takes.map((type) => `a ${type}`).join(", ");
}

function spelling(token: Token): string {
  switch (token.kind) {
    case "field":
    case "name":
      return token.text;
    case "string":
      return JSON.stringify(token.text);
    case "number":
      return String(token.value);
    default:
      return token.kind;
  }
}
