import type { KeyObject } from "node:crypto";
import { Certificate } from "../certs/index.ts";
import { backOffMs, type Clock, errorFields, type Logger, type Random } from "../runtime/core/index.ts";
import type { SpiffeBundle } from "../spiffe/index.ts";
import type { Issuance } from "./issuance/ports.ts";

const retry = { initialMs: 1_000, capMs: 60_000 };
/** The wall clock may be set, or the machine may sleep: look at least so often. */
const lookMs = 300_000;

export interface TlsIdentity {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
  /** Unix seconds. */
  readonly notAfter: number;
}

export interface TlsIdentitySource {
  readonly issuance: Pick<Issuance, "issueServerSvid">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The server's own SVID for its listener: the key stays in memory, a new one comes at half of the life that is left. */
export class RotatingTlsIdentity {
  readonly #source: TlsIdentitySource;
  readonly #onChanged: (identity: TlsIdentity) => void;
  #current: TlsIdentity;
  #renewAtMs: number;
  #attempt = 0;
  /** Aborted when the SVID is to be looked at again. */
  #look = new AbortController();

  private constructor(source: TlsIdentitySource, first: TlsIdentity, onChanged: (identity: TlsIdentity) => void) {
    this.#source = source;
    this.#onChanged = onChanged;
    this.#current = first;
    this.#renewAtMs = halfOfLife(first, source.clock.now());
  }

  /** Resolves with an identity in hand. `onChanged` hears of each later one. Rejects as `issueServerSvid` does. */
  static async start(
    source: TlsIdentitySource,
    onChanged: (identity: TlsIdentity) => void = () => {},
  ): Promise<RotatingTlsIdentity> {
    return new RotatingTlsIdentity(source, await source.issuance.issueServerSvid(), onChanged);
  }

  get current(): TlsIdentity {
    return this.#current;
  }

  /** Has the SVID renewed at once when it rests on a tainted authority of `bundle`; `run` does it. */
  reconsider(bundle: SpiffeBundle): void {
    const tainted = new Set<string | undefined>();
    for (const each of bundle.x509Authorities) if (each.tainted) tainted.add(each.certificate.subjectKeyId);
    if (!this.#current.chain.some((der) => tainted.has(Certificate.parse(der).authorityKeyId))) return;
    this.#renewAtMs = this.#source.clock.now();
    this.#look.abort();
  }

  async #renew(): Promise<void> {
    const next = await this.#source.issuance.issueServerSvid();
    this.#current = next;
    this.#renewAtMs = halfOfLife(next, this.#source.clock.now());
    this.#attempt = 0;
    this.#onChanged(next);
  }

  /** Renews until aborted; a failure is tried again and the current SVID stays in use. For a task group. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, logger } = this.#source;
    while (!signal.aborted) {
      this.#look = new AbortController();
      const either = AbortSignal.any([signal, this.#look.signal]);
      const delayMs = Math.min(lookMs, Math.max(0, this.#renewAtMs - clock.now()));
      try {
        await clock.sleep(delayMs, { signal: either }).catch(() => {});
        if (signal.aborted) return;
        if (clock.now() >= this.#renewAtMs) await this.#renew();
      } catch (error) {
        this.#renewAtMs = clock.now() + backOffMs(this.#attempt, retry, random);
        this.#attempt += 1;
        logger.error({ ...errorFields(error) }, "could not renew the server's own SVID, will try again");
      }
    }
  }
}

/** Of what is left, not of what was given: an SVID that comes late or is cut short still gets its second half. */
function halfOfLife({ notAfter }: TlsIdentity, nowMs: number): number {
  return nowMs + Math.max(500, (notAfter * 1000 - nowMs) / 2);
}
