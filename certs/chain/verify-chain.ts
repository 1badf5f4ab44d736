import { equalBytes } from "../bytes.ts";
import { CertsError, type CertsErrorCode } from "../errors.ts";
import { certsLimits } from "../limits.ts";
import type { Certificate } from "../x509/certificate.ts";
import {
  type ChainUsage,
  checkAuthorityRole,
  checkCriticalExtensions,
  checkExtendedKeyUsage,
  checkLeafRole,
  checkValidity,
  describe,
} from "./certificate-checks.ts";
import { checkNameConstraints } from "./name-constraints.ts";

export interface ChainRequest {
  readonly leaf: Certificate;
  /** As presented by the peer: any order, superfluous ones allowed. */
  readonly intermediates: readonly Certificate[];
  /** Trust anchors, of the one trust domain that the leaf claims. */
  readonly roots: readonly Certificate[];
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly usage: ChainUsage;
  /** Certificates from leaf to anchor, at most; chainDepth by default. */
  readonly maxDepth?: number;
}

/**
 * RFC 5280 §6 path validation with path building: the path leaf → … → root. Names are compared as bytes; key ids,
 * where both sides have them, must agree. An anchor must be a valid authority itself; its own signature proves nothing
 * and is not checked. Policies are not processed (critical ones are refused as unhandled). A peer cannot make it
 * expensive: chainIntermediates, chainDepth and chainSignatureChecks bound it.
 *
 * With usage "any" the leaf may be an authority, and one that is an anchor is its own path.
 *
 * @throws CertsError ERR_CHAIN_… with the failure nearest to success; ERR_KEY_… never
 */
export function verifyChain(request: ChainRequest): readonly Certificate[] {
  const [path] = search(request, 1);
  if (path === undefined) throw new TypeError("a search found neither a path nor a reason");
  return path;
}

/**
 * The same, with every path there is: cross-signed authorities give several. At least one; the budget of signature
 * checks is for all of them together.
 *
 * @throws CertsError as `verifyChain`
 */
export function verifyChains(request: ChainRequest): readonly (readonly Certificate[])[] {
  return search(request, certsLimits.chainPaths.value);
}

function search(request: ChainRequest, mostPaths: number): readonly (readonly Certificate[])[] {
  const { leaf, intermediates, roots, atMs, usage } = request;
  if (intermediates.length > certsLimits.chainIntermediates.value || roots.length > certsLimits.chainRoots.value) {
    throw new CertsError("ERR_CHAIN_TOO_LONG", `${intermediates.length} intermediates, ${roots.length} trust anchors`);
  }
  checkLeafRole(leaf, usage);
  checkValidity(leaf, atMs);
  checkCriticalExtensions(leaf);
  checkExtendedKeyUsage(leaf, usage);
  if (usage === "any" && roots.some((root) => root.equals(leaf))) {
    checkAuthorityRole(leaf, true);
    return [[leaf]];
  }
  return new PathSearch(request, mostPaths).run();
}

/** How near to success a failure is: the most telling one is reported. Codes not named here are nearer still. */
const distance: Partial<Readonly<Record<CertsErrorCode, number>>> = {
  ERR_CHAIN_KEY_ID_MISMATCH: 2,
  ERR_CHAIN_SIGNATURE_INVALID: 1,
};

function distanceOf(error: CertsError): number {
  return distance[error.code] ?? 0;
}

class PathSearch {
  readonly #request: ChainRequest;
  readonly #maxDepth: number;
  readonly #mostPaths: number;
  readonly #found: (readonly Certificate[])[] = [];
  #signatureChecks = 0;
  #failure: CertsError | undefined;

  constructor(request: ChainRequest, mostPaths: number) {
    this.#request = request;
    this.#mostPaths = mostPaths;
    this.#maxDepth = request.maxDepth ?? certsLimits.chainDepth.value;
  }

  run(): readonly (readonly Certificate[])[] {
    this.#extend([this.#request.leaf]);
    if (this.#found.length > 0) return this.#found;
    const { leaf } = this.#request;
    throw this.#failure ?? new CertsError("ERR_CHAIN_UNTRUSTED", `no authority of the bundle issued ${describe(leaf)}`);
  }

  /** Depth first; anchors before intermediates, so that the shortest way out is tried first. True: enough is found. */
  #extend(path: readonly Certificate[]): boolean {
    for (const root of this.#request.roots) {
      const complete = this.#join(path, root, true);
      if (complete !== undefined && this.#try(() => checkNameConstraints(complete))) this.#found.push(complete);
      if (this.#found.length >= this.#mostPaths) return true;
    }
    for (const intermediate of this.#request.intermediates) {
      const longer = this.#join(path, intermediate, false);
      if (longer !== undefined && this.#extend(longer)) return true;
    }
    return false;
  }

  /** The path with `issuer` on top, or `undefined` when it did not issue the last certificate or may not have. */
  #join(path: readonly Certificate[], issuer: Certificate, isRoot: boolean): readonly Certificate[] | undefined {
    const child = path.at(-1);
    if (child === undefined || !equalBytes(child.issuerDer, issuer.subjectDer)) return undefined;
    // A key of the same name on the path again is a loop.
    if (
      path.some((seen) => equalBytes(seen.subjectDer, issuer.subjectDer) && equalBytes(seen.spkiDer, issuer.spkiDer))
    ) {
      return undefined;
    }
    const accepted = this.#try(() => {
      this.#checkIssuer(path, issuer, isRoot);
      this.#checkSignature(child, issuer);
    });
    return accepted ? [...path, issuer] : undefined;
  }

  #checkIssuer(path: readonly Certificate[], issuer: Certificate, isRoot: boolean): void {
    const { atMs, usage } = this.#request;
    const keyId = path.at(-1)?.authorityKeyId;
    if (keyId !== undefined && issuer.subjectKeyId !== undefined && keyId !== issuer.subjectKeyId) {
      throw new CertsError("ERR_CHAIN_KEY_ID_MISMATCH", `${describe(issuer)} has another key id than its issue names`);
    }
    if (path.length >= this.#maxDepth) {
      throw new CertsError("ERR_CHAIN_TOO_LONG", `no trust anchor within ${this.#maxDepth} certificates`);
    }
    checkAuthorityRole(issuer, isRoot);
    checkValidity(issuer, atMs);
    checkCriticalExtensions(issuer);
    checkExtendedKeyUsage(issuer, usage);
    // RFC 5280 §6.1.4 (l)(m): the leaf and self-issued authorities do not count.
    const below = path.slice(1).filter((authority) => !authority.isSelfIssued).length;
    if (issuer.pathLength !== undefined && below > issuer.pathLength) {
      throw new CertsError(
        "ERR_CHAIN_PATH_LENGTH",
        `${describe(issuer)} allows ${issuer.pathLength} authorities below it`,
      );
    }
  }

  #checkSignature(child: Certificate, issuer: Certificate): void {
    if (child.signatureAlgorithm === undefined) {
      throw new CertsError("ERR_CHAIN_SIGNATURE_ALGORITHM", `${describe(child)} is signed with a refused algorithm`);
    }
    if (++this.#signatureChecks > certsLimits.chainSignatureChecks.value) {
      throw new CertsError(
        "ERR_CHAIN_TOO_COMPLEX",
        `no path within ${certsLimits.chainSignatureChecks.value} signature checks`,
      );
    }
    let isSigned: boolean;
    try {
      isSigned = child.isSignedBy(issuer);
    } catch (cause) {
      throw new CertsError("ERR_CHAIN_KEY_UNSUPPORTED", `the key of ${describe(issuer)} is not accepted`, { cause });
    }
    if (!isSigned) {
      throw new CertsError("ERR_CHAIN_SIGNATURE_INVALID", `${describe(child)} is not signed by ${describe(issuer)}`);
    }
  }

  /** Runs checks; keeps the most telling failure. Exhausting the budget ends the search. */
  #try(check: () => void): boolean {
    try {
      check();
      return true;
    } catch (error) {
      if (!(error instanceof CertsError) || error.code === "ERR_CHAIN_TOO_COMPLEX") throw error;
      if (this.#failure === undefined || distanceOf(error) < distanceOf(this.#failure)) this.#failure = error;
      return false;
    }
  }
}
