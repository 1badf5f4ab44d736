import { pluginName, type TemplateFacts } from "./fields.ts";
import { type Expression, parseExpression } from "./parse-expression.ts";
import { PathTemplateError } from "./path-template-error.ts";
import { scanTemplate } from "./scan.ts";
import { asText, noPath } from "./values.ts";

type Part = { readonly kind: "text"; readonly text: string } | { readonly kind: "value"; readonly value: Expression };

const prefix = `/${pluginName}/`;

/**
 * How the path of a node's agent id is made from its certificate: Go's text/template as far as field references,
 * literals, pipelines and the functions of `templateFunctions` go. Every path it gives is below `/x509pop/`, so that no
 * certificate can name an agent that another attestor answers for.
 */
export class AgentPathTemplate {
  readonly text: string;
  readonly #parts: readonly Part[];

  private constructor(text: string, parts: readonly Part[]) {
    this.text = text;
    this.#parts = parts;
  }

  /** @throws PathTemplateError for anything else than the above, with its place */
  static parse(text: string): AgentPathTemplate {
    const parts = scanTemplate(text).map((piece): Part => {
      if (piece.kind === "text") return { kind: "text", text: piece.text };
      const value = parseExpression(piece.tokens, piece.at);
      if (value.type !== "text") throw new PathTemplateError(`a ${value.type} cannot be a part of a path`, value.at);
      return { kind: "value", value };
    });
    checkPrefix(parts);
    if (parts.every((part) => part.kind === "text" || part.value.isConstant)) {
      throw new PathTemplateError("it says nothing of the certificate: all nodes would be one agent", 0);
    }
    return new AgentPathTemplate(text, parts);
  }

  /** Begins with `/x509pop/`; whether it is a SPIFFE ID's path is for the caller to see. @throws ERR_X509POP_PATH */
  render(facts: TemplateFacts): string {
    return this.#parts.map((part) => (part.kind === "text" ? part.text : rendered(part.value, facts))).join("");
  }
}

/** A slash in a name would begin a path segment that whoever wrote the template did not see. */
function rendered(value: Expression, facts: TemplateFacts): string {
  const text = asText(value.evaluate(facts));
  if (text.includes("/") && !value.hasSlashes) throw noPath("a part of it has a slash");
  return text;
}

function checkPrefix(parts: readonly Part[]): void {
  let begin = "";
  for (const part of parts) {
    const isPluginName = part.kind === "value" && part.value.isPluginName;
    if (part.kind === "value" && !isPluginName) break;
    begin += part.kind === "text" ? part.text : pluginName;
  }
  if (!begin.startsWith(prefix)) throw new PathTemplateError("it must begin with /{{ .PluginName }}/", 0);
}
