import { readFile } from "node:fs/promises";
import type { Secret } from "../../../runtime/core/index.ts";
import { agentErrors } from "../../errors.ts";
import { agentLimits } from "../../limits.ts";
import type { NodeAttestor, NodeProof } from "./node-attestor.ts";

export type JoinTokenSource =
  | { readonly kind: "value"; readonly token: Secret<string> }
  /** Read at each attempt, so a new token can be put there while the agent waits for one. */
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "none" };

/** Attests with a one-time token. The token is the whole payload, and there is no challenge. */
export function joinTokenAttestor(source: JoinTokenSource): NodeAttestor {
  return {
    type: "join_token",
    isReusable: false,
    prepare: async (): Promise<NodeProof> => {
      const token = await readToken(source);
      if (token === "") throw agentErrors.error("ERR_JOIN_TOKEN_UNREADABLE", "there is no join token");
      return {
        payload: Buffer.from(token, "utf8"),
        answer: async () => {
          throw agentErrors.error("ERR_RESPONSE_UNUSABLE", "the server challenges a join token");
        },
      };
    },
  };
}

async function readToken(source: JoinTokenSource): Promise<string> {
  if (source.kind === "none") return "";
  if (source.kind === "value") return source.token.reveal().trim();
  try {
    const text = await readFile(source.path, "utf8");
    if (text.length > agentLimits.joinTokenBytes.value) throw new RangeError("the file is larger than a token can be");
    return text.trim();
  } catch (cause) {
    throw agentErrors.error("ERR_JOIN_TOKEN_UNREADABLE", `the join token file ${source.path} cannot be read`, {
      cause,
    });
  }
}
