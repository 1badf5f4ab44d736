import type { Selector__Output } from "../proto/gen/spire/api/types/Selector.ts";
import type { SPIFFEID, SPIFFEID__Output } from "../proto/gen/spire/api/types/SPIFFEID.ts";
import { Selector, SpiffeId } from "../spiffe/index.ts";
import { CommandError, exitCodes } from "./exit-codes.ts";

/** A flag's SPIFFE ID in wire form; a malformed one is a usage error that names the flag. */
export function spiffeIdFlag(flag: string, text: string): SPIFFEID {
  try {
    const id = SpiffeId.parse(text);
    return { trust_domain: id.trustDomain.name, path: id.path };
  } catch (error) {
    throw new CommandError(exitCodes.usage, `${flag}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function selectorFlag(flag: string, text: string): { readonly type: string; readonly value: string } {
  try {
    const { type, value } = Selector.parse(text);
    return { type, value };
  } catch (error) {
    throw new CommandError(exitCodes.usage, `${flag}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function idText(id: SPIFFEID__Output | null | undefined): string {
  return id === null || id === undefined ? "" : `spiffe://${id.trust_domain}${id.path}`;
}

export function selectorText(selector: Selector__Output): string {
  return `${selector.type}:${selector.value}`;
}
