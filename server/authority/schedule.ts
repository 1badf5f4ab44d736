import type { AuthorityRecord } from "../domain/authority.ts";

/**
 * When the life of an authority turns, in Unix seconds, computed from its record alone so that every restart and
 * every server come to the same answer.
 */
export interface Turns {
  /** From here its successor is wanted in the bundle: half of the life is left, or 30 days. */
  readonly prepareAt: number;
  /** From here its successor should sign: a sixth of the life is left, or 7 days. */
  readonly activateAt: number;
  /** From here a successor signs even if it has been in the bundle for less than `propagation`. */
  readonly forceAt: number;
  /** From here no verifier accepts anything it signed. */
  readonly deadAt: number;
}

const hour = 3600;
const day = 24 * hour;

/**
 * `wantedLife`, seconds: of an authority that what is above it cut short. A successor is wanted as early before its end
 * as if it had that life, since what it signs is to live as long; that may be before it began.
 */
export function turnsOf(record: Pick<AuthorityRecord, "issuedAt" | "notAfter">, wantedLife = 0): Turns {
  const { notAfter } = record;
  const life = lifeOf(record);
  const wanted = Math.max(life, wantedLife);
  return {
    prepareAt: notAfter - Math.min(wanted / 2, 30 * day),
    activateAt: notAfter - guaranteedLife(wanted),
    forceAt: notAfter - propagation(wanted),
    // SVIDs end with their issuer; the rest is for verifiers whose clocks are behind. It follows the life, so that
    // authorities with lives of seconds do not pile up in the bundle.
    deadAt: notAfter + Math.min(life, day),
  };
}

/**
 * How long an authority is in the bundle before it signs, when there is a choice: 15 minutes, or a twelfth of a short
 * life. Agents on our stream have a bundle in milliseconds, polling ones in seconds; this is for federated trust
 * domains and workloads that read bundles from files.
 */
export function propagation(life: number): number {
  return Math.min(life / 12, hour / 4);
}

/** Seconds of life that an SVID gets for certain from an authority of this life, whenever it is asked for. */
export function guaranteedLife(life: number): number {
  return Math.min(life / 6, 7 * day);
}

/** Seconds between two questions for a CA that lives longer, while above there is none to be had. */
export function askingPace(wantedLife: number): number {
  return Math.max(1, Math.floor(wantedLife / 60));
}

function lifeOf(record: Pick<AuthorityRecord, "issuedAt" | "notAfter">): number {
  return Math.max(0, record.notAfter - record.issuedAt);
}

/**
 * Default lives that are longer than what is guaranteed: such an SVID is sometimes cut short by the end of its
 * issuer. One sentence each, for the log and `validate`.
 */
export function lifeWarnings(ttls: {
  readonly caTtl: number;
  readonly x509SvidTtl: number;
  readonly agentTtl: number;
  readonly jwtSvidTtl: number;
}): readonly string[] {
  const guaranteed = Math.floor(guaranteedLife(ttls.caTtl));
  const named = [
    ["default_x509_svid_ttl", ttls.x509SvidTtl],
    ["agent_ttl", ttls.agentTtl],
    ["default_jwt_svid_ttl", ttls.jwtSvidTtl],
  ] as const;
  return named
    .filter(([, ttl]) => ttl > guaranteed)
    .map(
      ([name, ttl]) =>
        `${name} is ${ttl} s, but a ca_ttl of ${ttls.caTtl} s guarantees only ${guaranteed} s: some SVIDs will end ` +
        `early; lower ${name} to ${guaranteed} s${ttl <= 7 * day ? ` or raise ca_ttl to ${ttl * 6} s` : ""}`,
    );
}
