import type { Certificate } from "../../../certs/index.ts";
import type { TrustDomain } from "../../../spiffe/index.ts";
import { serverErrors } from "../../errors.ts";
import type { Registry } from "../../registry/ports.ts";
import type { TrustAnchors } from "./trust-anchors.ts";

/** The trust domain's own X.509 authorities: a node is proved by an SVID that it has already. */
export class OwnAuthorities implements TrustAnchors {
  readonly #trustDomain: TrustDomain;
  readonly #registry: Pick<Registry, "bundle">;

  constructor(trustDomain: TrustDomain, registry: Pick<Registry, "bundle">) {
    this.#trustDomain = trustDomain;
    this.#registry = registry;
  }

  async current(): Promise<readonly Certificate[]> {
    const authorities = this.#registry.bundle(this.#trustDomain)?.x509Authorities ?? [];
    if (authorities.length === 0) throw serverErrors.error("ERR_BUNDLE_NOT_FOUND", "there is no bundle yet");
    return authorities.map(({ certificate }) => certificate);
  }
}
