import type { Struct } from "../../proto/gen/google/protobuf/Struct.ts";
import type { Value } from "../../proto/gen/google/protobuf/Value.ts";
import { agentLimits } from "../limits.ts";
import { workloadApiErrors } from "./errors.ts";

/** Claims that SPIFFE defines; always passed on (WAPI-66). */
const spiffeClaims: ReadonlySet<string> = new Set(["sub", "aud", "exp"]);

export type Claims = Readonly<Record<string, unknown>>;

/** Of a foreign trust domain's token only what SPIFFE defines and the operator named: its other claims mean nothing here. */
export function foreignClaims(claims: Claims, allowed: readonly string[]): Claims {
  return Object.fromEntries(
    Object.entries(claims).filter(([name]) => spiffeClaims.has(name) || allowed.includes(name)),
  );
}

/**
 * JSON claims as google.protobuf.Struct; `aud` always a list. Numbers become doubles, as Struct has no others.
 * @throws ServiceError ERR_JWT_SVID_INVALID when they nest deeper than clients can decode
 */
export function claimsToStruct(claims: Claims, audience: readonly string[]): Struct {
  return toStruct({ ...claims, aud: audience }, agentLimits.claimDepth.value);
}

function toStruct(object: Claims, depthLeft: number): Struct {
  // No prototype: a claim may be called __proto__.
  const fields: Record<string, Value> = Object.create(null);
  for (const [name, value] of Object.entries(object)) fields[name] = toValue(value, depthLeft - 1);
  return { fields };
}

function toValue(value: unknown, depthLeft: number): Value {
  if (depthLeft < 0) throw workloadApiErrors.error("ERR_JWT_SVID_INVALID", "the claims are nested too deeply");
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "number" || typeof value === "bigint") return { numberValue: Number(value) };
  if (typeof value === "boolean") return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map((item) => toValue(item, depthLeft - 1)) } };
  if (isObject(value)) return { structValue: toStruct(value, depthLeft - 1) };
  return { nullValue: 0 };
}

function isObject(value: unknown): value is Claims {
  return typeof value === "object" && value !== null;
}
