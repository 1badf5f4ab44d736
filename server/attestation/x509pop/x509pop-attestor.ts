import type { Certificate } from "../../../certs/index.ts";
import { decodeAnswer, decodeCertificates, encodeChallenge } from "../../../proto/convert/x509pop.ts";
import { type PossessionChallenge, possessionNonceBytes, provesPossession } from "../../../proto/domain/x509pop.ts";
import type { Clock, Random } from "../../../runtime/core/index.ts";
import { type Selector, SpiffeError, SpiffeId, type TrustDomain } from "../../../spiffe/index.ts";
import { AddressRanges } from "../../../transport/index.ts";
import { serverErrors } from "../../errors.ts";
import type { AttestationContext, Challenge, NodeAttestationResult, NodeAttestor } from "../node-attestor.ts";
import { addressText, nodeFacts, nodeSelectors } from "./node-facts.ts";
import { pluginName } from "./path-template/fields.ts";
import type { AgentPathTemplate } from "./path-template/path-template.ts";
import { readPresentedChain, verifyPresentedChain } from "./presented-chain.ts";
import type { TrustAnchors } from "./trust-anchors.ts";

export interface X509PopOptions {
  /** `spiffe`: the certificate is an SVID of our own whose path begins with the prefix. */
  readonly mode: { readonly kind: "external_pki" } | { readonly kind: "spiffe"; readonly svidPrefix: string };
  readonly pathTemplate: AgentPathTemplate;
  readonly maxIntermediates: number;
  readonly maxRsaBits: number;
  readonly verifiesClientIp: boolean;
}

export interface X509PopDeps {
  readonly trustDomain: TrustDomain;
  readonly anchors: TrustAnchors;
  readonly clock: Pick<Clock, "now">;
  readonly random: Random;
}

/**
 * A certificate from elsewhere and the proof that the node has its key: RSA (PSS) or ECDSA over a nonce of each side, as
 * SPIRE's attestor of this name, on the wire the same. A node may attest again whenever it likes.
 */
export class X509PopAttestor implements NodeAttestor {
  readonly name = pluginName;
  readonly #options: X509PopOptions;
  readonly #deps: X509PopDeps;

  constructor(options: X509PopOptions, deps: X509PopDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** @throws ERR_MALFORMED_REQUEST, ERR_X509POP_… */
  async attest(
    payload: Uint8Array,
    challenge: Challenge,
    _signal: AbortSignal,
    context: AttestationContext,
  ): Promise<NodeAttestationResult> {
    const { trustDomain, anchors, clock } = this.#deps;
    const chain = readPresentedChain(decodeCertificates(payload), this.#options);
    const roots = await anchors.current();
    const paths = verifyPresentedChain(chain, roots, clock.now());
    if (this.#options.verifiesClientIp) checkAddress(chain.leaf, context.address);
    const svidPathTrimmed = this.#trimmedSvidPath(chain.leaf);
    await this.#challenge(chain.leaf, challenge);
    const facts = nodeFacts(chain.leaf, trustDomain, svidPathTrimmed);
    const path = checkedPath(trustDomain, this.#options.pathTemplate.render(facts));
    return { path, selectors: selectorsOf(facts, paths), canReattest: true };
  }

  async #challenge(leaf: Certificate, ask: Challenge): Promise<void> {
    const key = leaf.publicKey();
    const family = key.asymmetricKeyType === "rsa" ? "rsa" : "ec";
    const challenge: PossessionChallenge = { family, nonce: this.#deps.random.bytes(possessionNonceBytes) };
    const answer = decodeAnswer(await ask(encodeChallenge(challenge)));
    if (!provesPossession(key, challenge, answer)) {
      throw serverErrors.error("ERR_X509POP_PROOF", "challenge response verification failed");
    }
  }

  #trimmedSvidPath(leaf: Certificate): string {
    const { mode } = this.#options;
    if (mode.kind === "external_pki") return "";
    const id = ownSvidId(leaf, this.#deps.trustDomain);
    if (!id.path.startsWith(mode.svidPrefix)) {
      throw serverErrors.error(
        "ERR_X509POP_SVID_PREFIX",
        `${id} has a path that does not begin with ${mode.svidPrefix}`,
      );
    }
    return id.path.slice(mode.svidPrefix.length);
  }
}

/** Its chain is verified; what is left is to be an SVID (X509-SVID §5.2), and one of this trust domain. */
function ownSvidId({ uriSans }: Certificate, trustDomain: TrustDomain): SpiffeId {
  const [uri, ...others] = uriSans;
  try {
    const id = uri === undefined || others.length > 0 ? undefined : SpiffeId.parse(uri);
    if (id?.isMemberOf(trustDomain) === true) return id;
  } catch (error) {
    if (!(error instanceof SpiffeError)) throw error;
  }
  throw serverErrors.error("ERR_X509POP_LEAF", `the leaf certificate is no X509-SVID of ${trustDomain}`);
}

function checkAddress({ ipSans }: Certificate, address: string | undefined): void {
  if (address !== undefined && AddressRanges.parse(ipSans.map(addressText)).has(address)) return;
  const message = `client IP ${address ?? "(none)"} does not match any certificate IP SAN`;
  throw serverErrors.error("ERR_X509POP_ADDRESS", message);
}

function selectorsOf(...of: Parameters<typeof nodeSelectors>): readonly Selector[] {
  try {
    return nodeSelectors(...of);
  } catch (cause) {
    if (!(cause instanceof SpiffeError)) throw cause;
    const message = `a name in the leaf certificate cannot be a selector: ${cause.message}`;
    throw serverErrors.error("ERR_X509POP_CERTIFICATE", message, { cause });
  }
}

function checkedPath(trustDomain: TrustDomain, path: string): string {
  try {
    SpiffeId.of(trustDomain, `/spire/agent${path}`);
    return path;
  } catch (cause) {
    if (!(cause instanceof SpiffeError)) throw cause;
    const message = `the agent path template gives no SPIFFE ID path for this certificate: ${cause.message}`;
    throw serverErrors.error("ERR_X509POP_PATH", message, { cause });
  }
}
