import type { Certificate } from "../../certs/index.ts";
import type { Clock } from "../../runtime/core/index.ts";
import { type SpiffeBundle, SpiffeId, type TrustDomain, verifyX509Svid } from "../../spiffe/index.ts";
import { agentErrors } from "../errors.ts";

/** Judges whether the other side is the server of the trust domain: `spiffe://<trust domain>/spire/server`. */
export class ServerVerifier {
  readonly #trustDomain: TrustDomain;
  readonly #serverId: SpiffeId;
  readonly #bundle: () => SpiffeBundle | undefined;
  readonly #clock: Clock;
  /** Under trust on first use: the first server's leaf. Every connection until there is a bundle must show it. */
  #pinned: Certificate | undefined;

  constructor(trustDomain: TrustDomain, bundle: () => SpiffeBundle | undefined, clock: Clock) {
    this.#trustDomain = trustDomain;
    this.#serverId = SpiffeId.of(trustDomain, "/spire/server");
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
    const bundles = { get: (name: TrustDomain) => (name.equals(this.#trustDomain) ? bundle : undefined) };
    let id: SpiffeId;
    try {
      id = verifyX509Svid({ chain, bundles, atMs: this.#clock.now(), usage: "server" }).id;
    } catch (cause) {
      throw agentErrors.error("ERR_SERVER_UNTRUSTED", "the server's certificate does not verify under the bundle", {
        cause,
      });
    }
    if (!id.equals(this.#serverId)) throw notTheServer(id.toString());
  }

  #verifyFirstUse(chain: readonly Certificate[]): void {
    const leaf = chain[0];
    const uri = leaf?.uriSans[0];
    if (leaf === undefined || leaf.uriSans.length !== 1 || uri !== this.#serverId.toString()) {
      throw notTheServer(uri ?? "nobody");
    }
    this.#pinned ??= leaf;
    if (!this.#pinned.equals(leaf)) {
      throw agentErrors.error("ERR_SERVER_UNTRUSTED", "during insecure bootstrap another server answered than before");
    }
  }
}

function notTheServer(who: string): Error {
  return agentErrors.error("ERR_SERVER_UNTRUSTED", `the other side is ${who}, not the server of the trust domain`);
}
