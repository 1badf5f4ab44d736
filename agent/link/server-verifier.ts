import type { Certificate } from "../../certs/index.ts";
import type { Clock } from "../../runtime/core/index.ts";
import type { SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";
import { serverIdOf, verifyTrustDomainServer, WrongServerError } from "../../transport/index.ts";
import { agentErrors } from "../errors.ts";

/** Judges whether the other side is the server of the trust domain: `spiffe://<trust domain>/spire/server`. */
export class ServerVerifier {
  readonly #trustDomain: TrustDomain;
  readonly #bundle: () => SpiffeBundle | undefined;
  readonly #clock: Clock;
  /** Under trust on first use: the first server's leaf. Every connection until there is a bundle must show it. */
  #pinned: Certificate | undefined;

  constructor(trustDomain: TrustDomain, bundle: () => SpiffeBundle | undefined, clock: Clock) {
    this.#trustDomain = trustDomain;
    this.#bundle = bundle;
    this.#clock = clock;
  }

  /** @throws ServiceError `ERR_SERVER_UNTRUSTED` */
  verify(chain: readonly Certificate[]): void {
    const bundle = this.#bundle();
    if (bundle === undefined) this.#verifyFirstUse(chain);
    else this.#verifyUnder(bundle, chain);
  }

  #verifyUnder(bundle: SpiffeBundle, chain: readonly Certificate[]): void {
    const trustDomain = this.#trustDomain;
    try {
      const bundles = { get: (name: TrustDomain) => (name.equals(trustDomain) ? bundle : undefined) };
      verifyTrustDomainServer({ chain, bundles, trustDomain, atMs: this.#clock.now() });
    } catch (cause) {
      const isSomebodyElse = cause instanceof WrongServerError;
      const message = isSomebodyElse ? cause.message : "the server's certificate does not verify under the bundle";
      throw agentErrors.error("ERR_SERVER_UNTRUSTED", message, { cause });
    }
  }

  #verifyFirstUse(chain: readonly Certificate[]): void {
    const leaf = chain[0];
    const uri = leaf?.uriSans[0];
    if (leaf === undefined || leaf.uriSans.length !== 1 || uri !== serverIdOf(this.#trustDomain).toString()) {
      throw agentErrors.error("ERR_SERVER_UNTRUSTED", new WrongServerError(uri ?? "nobody", this.#trustDomain).message);
    }
    this.#pinned ??= leaf;
    if (!this.#pinned.equals(leaf)) {
      throw agentErrors.error("ERR_SERVER_UNTRUSTED", "during insecure bootstrap another server answered than before");
    }
  }
}
