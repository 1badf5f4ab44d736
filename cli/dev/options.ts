import { userInfo } from "node:os";
import { SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import { inputError } from "../exit-codes.ts";
import type { OutputFormat } from "../output.ts";
import { selectorFlag, type WireSelector } from "../wire.ts";

export interface DevOptions {
  readonly output: OutputFormat;
  /** Default: `dev.example`. */
  readonly trustDomain?: string;
  /** A path, or a whole SPIFFE ID. */
  readonly spiffeId?: string;
  /** Seconds. */
  readonly x509Ttl?: number;
  /** `PATH` or `PATH=SELECTOR[,SELECTOR…]` */
  readonly entry?: readonly string[];
  readonly env?: boolean;
  readonly stop?: boolean;
  readonly stateFolder?: string;
}

export interface DevIdentity {
  readonly id: SpiffeId;
  readonly selectors: readonly WireSelector[];
}

/** What a development world is made of; two of equal text are the same. */
export interface DevPlan {
  readonly trustDomain: TrustDomain;
  readonly x509TtlSeconds: number | undefined;
  /** The first is the current user's. */
  readonly identities: readonly [DevIdentity, ...DevIdentity[]];
}

/** @throws CommandError ERR_USAGE */
export function planOf(options: DevOptions, uid: number): DevPlan {
  const trustDomain = flagged("--trust-domain", () => TrustDomain.parse(options.trustDomain ?? "dev.example"));
  const byUser = [{ type: "unix", value: `uid:${uid}` }];
  const own = flagged("--spiffe-id", () => idOf(options.spiffeId ?? `/${userName(uid)}`, trustDomain));
  const others = (options.entry ?? []).map((text): DevIdentity => {
    const [path = "", list] = split(text);
    const id = flagged("--entry", () => idOf(path, trustDomain));
    return { id, selectors: list?.split(",").map((one) => selectorFlag("--entry", one)) ?? byUser };
  });
  if (options.x509Ttl !== undefined && options.x509Ttl < 2) throw inputError("ERR_USAGE", "--x509-ttl: at least 2s");
  return { trustDomain, x509TtlSeconds: options.x509Ttl, identities: [{ id: own, selectors: byUser }, ...others] };
}

/** What is running is stopped as it is. @throws CommandError ERR_USAGE for flags that would change nothing */
export function checkStop({ trustDomain, spiffeId, x509Ttl, entry }: DevOptions): void {
  const flags = { "--trust-domain": trustDomain, "--spiffe-id": spiffeId, "--x509-ttl": x509Ttl, "--entry": entry };
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  if (given.length === 0) return;
  const hint = "leave them out; SPIFFE_ENDPOINT_SOCKET says which one is stopped";
  throw inputError("ERR_USAGE", `--stop does not take ${given.map(([flag]) => flag).join(", ")}`, hint);
}

/** Of the same plan, the same text. */
export function planText({ trustDomain, x509TtlSeconds, identities }: DevPlan): string {
  const entries = identities.map(({ id, selectors }) => [
    id.toString(),
    ...selectors.map((one) => `${one.type}:${one.value}`),
  ]);
  return JSON.stringify([trustDomain.name, x509TtlSeconds ?? 0, entries]);
}

function idOf(text: string, trustDomain: TrustDomain): SpiffeId {
  if (!text.startsWith("spiffe://")) return SpiffeId.of(trustDomain, text.startsWith("/") ? text : `/${text}`);
  const id = SpiffeId.parse(text);
  if (!id.isMemberOf(trustDomain)) throw new Error(`${text} is not of ${trustDomain}`);
  return id;
}

function split(text: string): readonly string[] {
  const at = text.indexOf("=");
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** As a segment of a path may be. */
function userName(uid: number): string {
  try {
    const name = userInfo().username.replace(/[^A-Za-z0-9._-]/g, "-");
    if (!/^\.*$/.test(name)) return name;
  } catch {
    // There is no such user, as in many containers.
  }
  return `uid-${uid}`;
}

function flagged<Value>(flag: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    throw inputError("ERR_USAGE", `${flag}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
