import type { Selector__Output } from "../proto/gen/spire/api/types/Selector.ts";
import type { SPIFFEID__Output } from "../proto/gen/spire/api/types/SPIFFEID.ts";
import { Selector, SpiffeId } from "../spiffe/index.ts";
import { inputError } from "./exit-codes.ts";

export interface WireSpiffeId {
  readonly trust_domain: string;
  readonly path: string;
}

export interface WireSelector {
  readonly type: string;
  readonly value: string;
}

/** @throws SpiffeError */
export function parseId(text: string): WireSpiffeId {
  const id = SpiffeId.parse(text);
  return { trust_domain: id.trustDomain.name, path: id.path };
}

/** @throws SpiffeError */
export function parseSelector(text: string): WireSelector {
  const { type, value } = Selector.parse(text);
  return { type, value };
}

/** A flag's SPIFFE ID in wire form; a malformed one is a usage error that names the flag. */
export function spiffeIdFlag(flag: string, text: string): WireSpiffeId {
  return ofFlag(flag, text, parseId);
}

export function selectorFlag(flag: string, text: string): WireSelector {
  return ofFlag(flag, text, parseSelector);
}

function ofFlag<Value>(flag: string, text: string, parse: (text: string) => Value): Value {
  try {
    return parse(text);
  } catch (error) {
    throw inputError("ERR_USAGE", `${flag}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function idText(id: SPIFFEID__Output | null | undefined): string {
  return id === null || id === undefined ? "" : `spiffe://${id.trust_domain}${id.path}`;
}

export function selectorText(selector: Selector__Output): string {
  return `${selector.type}:${selector.value}`;
}
