import { bundleService, revocationService } from "../../../proto/services.ts";
import { ServiceError } from "../../../transport/index.ts";
import type { CommandChannel } from "../../connect.ts";
import type { Ends } from "../ends.ts";
import { type Authority, authoritiesOf } from "./authority.ts";
import { planOf, type Refusal, remembered, type Seen, type Side, type Step } from "./plan.ts";

/** What one look at both servers led to. */
export interface Round {
  readonly done: readonly Step[];
  /** What could not be done, and why; it is tried again at the next look. */
  readonly undone: readonly (Step & { readonly reason: string; readonly isLasting: boolean })[];
  readonly refusals: readonly Refusal[];
  readonly seen: Seen;
}

/** Reads both bundles and, unless it only looks, does what is to be done. Each authority by itself. */
export async function mirrorOnce(ends: Ends, seen: Seen, nowMs: number, onlyLook: boolean): Promise<Round> {
  const now = Math.floor(nowMs / 1000);
  const [from, to] = await Promise.all([bundleOf(ends.from), bundleOf(ends.to)]);
  const bundles = { from, to };
  const before = remembered(seen, bundles, now);
  const { steps, refusals } = planOf(bundles, before, now);
  const done: Step[] = [];
  const undone: Round["undone"][number][] = [];
  for (const step of steps) {
    if (onlyLook) {
      undone.push({ ...step, reason: "not done yet", isLasting: false });
      continue;
    }
    try {
      await carryOut(ends[step.side], step);
      done.push(step);
    } catch (error) {
      if (!(error instanceof ServiceError) || error.status === "unavailable") throw error;
      undone.push({ ...step, reason: reasonOf(step, error), isLasting: step.kind !== "append" });
    }
  }
  return { done, undone, refusals, seen: remembered(before, appended(done), now) };
}

async function bundleOf(channel: CommandChannel): Promise<readonly Authority[]> {
  return authoritiesOf(await channel.unary(bundleService.GetBundle, {}));
}

async function carryOut(channel: CommandChannel, { kind, authority }: Step): Promise<void> {
  if (kind === "append") {
    await channel.unary(bundleService.AppendBundle, requestFor(authority));
    return;
  }
  await channel.unary(revocationService.Distrust, {
    subject_key_ids: authority.kind === "x509" ? [authority.subjectKeyId] : [],
    jwt_key_ids: authority.kind === "jwt" ? [authority.keyId] : [],
    remove: kind === "remove",
  });
}

function requestFor(authority: Authority) {
  return {
    output_mask: {},
    ...(authority.kind === "x509"
      ? { x509_authorities: [{ asn1: Buffer.from(authority.der) }] }
      : {
          jwt_authorities: [
            {
              public_key: Buffer.from(authority.spki),
              key_id: authority.keyId,
              expires_at: String(authority.expiresAt),
            },
          ],
        }),
  };
}

/** SPIRE has no call that takes trust away from an authority which is not its own. */
function reasonOf({ kind, side }: Step, error: ServiceError): string {
  if (kind === "append") return error.message;
  if (error.status === "unimplemented") return "that server cannot be told: it trusts it until it expires";
  return side === "to" || error.code === "ERR_AUTHORITY_ID" ? error.message : `left to expire: ${error.message}`;
}

function appended(done: readonly Step[]): Readonly<Record<Side, readonly Authority[]>> {
  const of = (side: Side): readonly Authority[] =>
    done.flatMap((step) => (step.kind === "append" && step.side === side ? [step.authority] : []));
  return { from: of("from"), to: of("to") };
}
