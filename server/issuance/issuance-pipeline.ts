import type { KeyObject } from "node:crypto";
import { buildCsr, generateKey } from "../../certs/index.ts";
import type { IssuedJwtSvid } from "../../proto/domain/link.ts";
import type { Clock, Random } from "../../runtime/core/index.ts";
import { SpiffeId, type TrustDomain } from "../../spiffe/index.ts";
import { ServiceError } from "../../transport/errors/service-error.ts";
import type { SigningAuthorities, X509Issuer } from "../authority/ports.ts";
import { serverErrors } from "../errors.ts";
import { blockedKeys } from "./blocked-keys.ts";
import type { JobRunner } from "./job-runner.ts";
import { type JwtSvidOptions, signJwtSvid } from "./jwt-svid.ts";
import { lifetime } from "./lifetime.ts";
import { issuanceLimits } from "./limits.ts";
import type { AuthorityKeyType, Issuance, JwtIssueRequest, X509IssueOutcome, X509IssueRequest } from "./ports.ts";
import { checkSvidId, type SvidProfile } from "./svid-id.ts";
import { finishSvid, type SigningContext, type SvidItem, type SvidResult } from "./svid-job.ts";

export interface IssuanceOptions {
  /** Seconds; of workload SVIDs and the server's own. */
  readonly defaultX509SvidTtl: number;
  /** Seconds. */
  readonly agentTtl: number;
  /** Seconds; no SVID of either kind lives longer. */
  readonly maxSvidTtl: number;
  readonly jwt: Omit<JwtSvidOptions, "maxTtl">;
  /** Of the server's own SVID. */
  readonly serverKeyType: AuthorityKeyType;
}

export interface IssuanceDeps {
  readonly authorities: SigningAuthorities;
  readonly runner: JobRunner;
  readonly clock: Clock;
  readonly random: Random;
  /** For the server's own SVID; replaced in simulation, where other threads would fall behind virtual time. */
  readonly generateKey?: (type: AuthorityKeyType) => Promise<KeyObject>;
}

type PipelineRequest = Omit<X509IssueRequest, "profile"> & { readonly profile: SvidProfile };
type Step =
  | { readonly kind: "item"; readonly item: SvidItem }
  | { readonly kind: "refused"; readonly outcome: X509IssueOutcome };

/** @see Issuance for what is promised. Nothing is recorded here: the API writes the audit record of what is returned. */
export class IssuancePipeline implements Issuance {
  readonly #options: IssuanceOptions;
  readonly #deps: IssuanceDeps;
  readonly #trustDomain: TrustDomain;
  readonly #unsubscribe: () => void;
  #context: { readonly issuer: X509Issuer; readonly signing: SigningContext } | undefined;

  constructor(options: IssuanceOptions, deps: IssuanceDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#trustDomain = deps.authorities.trustDomain;
    this.#unsubscribe = deps.authorities.onChanged(() => {
      this.#context = undefined;
    });
  }

  /** Stops the workers. What is in work is refused. */
  async close(): Promise<void> {
    this.#unsubscribe();
    await this.#deps.runner.close();
  }

  /** @throws ERR_AUTHORITY_UNAVAILABLE, ERR_ISSUANCE_UNAVAILABLE; what is wrong with one request is its outcome */
  issueX509Svids(requests: readonly X509IssueRequest[]): Promise<readonly X509IssueOutcome[]> {
    return this.#issue(requests);
  }

  async issueJwtSvid(request: JwtIssueRequest): Promise<IssuedJwtSvid> {
    const { authorities } = this.#deps;
    checkSvidId(request.id, this.#trustDomain, "workload");
    const options = { ...this.#options.jwt, maxTtl: this.#options.maxSvidTtl };
    return signJwtSvid(request, options, authorities.jwtIssuer(), this.#deps);
  }

  async issueServerSvid(): Promise<{
    readonly chain: readonly Uint8Array[];
    readonly key: KeyObject;
    readonly notAfter: number;
  }> {
    const { generateKey: generate = generateKey } = this.#deps;
    const key = await generate(this.#options.serverKeyType);
    const id = SpiffeId.of(this.#trustDomain, "/spire/server");
    const csrDer = buildCsr({ key });
    const [outcome] = await this.#issue([
      { id, csrDer, dnsNames: [], ttl: 0, notAfterCap: 0, hint: "", profile: "server" },
    ]);
    if (outcome?.kind === "issued") return { chain: outcome.svid.chain, key, notAfter: outcome.svid.expiresAt };
    throw serverErrors.error("ERR_ISSUANCE_UNAVAILABLE", outcome?.message ?? "the server's own SVID was not issued");
  }

  async #issue(requests: readonly PipelineRequest[]): Promise<readonly X509IssueOutcome[]> {
    const { issuer, signing } = this.#current();
    const nowMs = this.#deps.clock.now();
    // One draw for the batch: a draw of 16 bytes costs as much as one of a few hundred.
    const serials = this.#deps.random.bytes(16 * requests.length);
    const steps = requests.map((request, index) =>
      this.#prepare(request, issuer, serials.subarray(16 * index, 16 * index + 16), nowMs),
    );
    const items = steps.flatMap((step) => (step.kind === "item" ? step.item : []));
    const results = await this.#deps.runner.run(signing, items);
    const finished = signing.key === undefined ? await this.#signRemotely(issuer, items, results) : results;
    let next = 0;
    return requests.map((request, index) => {
      const step = steps[index];
      if (step === undefined || step.kind === "refused") return step?.outcome ?? lost();
      const result = finished[next];
      next += 1;
      return outcomeOf(request, step.item, issuer, result);
    });
  }

  /** The same object until something changed: workers are sent the key once. */
  #current(): { readonly issuer: X509Issuer; readonly signing: SigningContext } {
    if (this.#context !== undefined) return this.#context;
    const { authorities } = this.#deps;
    const issuer = authorities.x509Issuer();
    const signing = { issuer: issuer.info, key: issuer.localKey, blockedKeys: blockedKeys(authorities.records()) };
    this.#context = { issuer, signing };
    return this.#context;
  }

  #prepare(request: PipelineRequest, issuer: X509Issuer, serial: Uint8Array, nowMs: number): Step {
    const { csrDer, id, dnsNames, profile, ttl, notAfterCap } = request;
    const { agentTtl, defaultX509SvidTtl, maxSvidTtl } = this.#options;
    try {
      checkSvidId(id, this.#trustDomain, profile);
      if (csrDer.length > issuanceLimits.csrBytes.value) {
        throw serverErrors.error("ERR_CSR_TOO_LARGE", `more than ${issuanceLimits.csrBytes.value} bytes`);
      }
      const life = lifetime(
        {
          ttl,
          defaultTtl: profile === "agent" ? agentTtl : defaultX509SvidTtl,
          maxTtl: maxSvidTtl,
          issuerNotAfter: issuer.notAfter,
          notAfterCap,
        },
        nowMs,
      );
      const keepsSubject = request.keepsSubject === true;
      return { kind: "item", item: { csrDer, uri: id.toString(), dnsNames, serial, keepsSubject, ...life } };
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return { kind: "refused", outcome: { kind: "refused", code: error.code, message: error.message } };
    }
  }

  /** For keys that are elsewhere: the workers have verified and laid out, the signer signs, the result is read back here. */
  #signRemotely(
    issuer: X509Issuer,
    items: readonly SvidItem[],
    results: readonly SvidResult[],
  ): Promise<readonly SvidResult[]> {
    return Promise.all(
      results.map(async (result, index) => {
        const item = items[index];
        if (result.kind !== "unsigned" || item === undefined) return result;
        const { tbs, spkiDer } = result;
        const signature = await issuer.signer.sign(tbs);
        return finishSvid(issuer.info, item, spkiDer, tbs, signature, issuer.certificate);
      }),
    );
  }
}

function outcomeOf(
  request: PipelineRequest,
  item: SvidItem,
  issuer: X509Issuer,
  result: SvidResult | undefined,
): X509IssueOutcome {
  if (result === undefined || result.kind === "unsigned") return lost();
  if (result.kind === "refused") return { kind: "refused", code: result.code, message: result.message };
  const chain = [result.der, ...issuer.chain];
  const svid = { id: request.id, chain, expiresAt: item.notAfter, hint: request.hint };
  return { kind: "issued", svid, serialNumber: result.serialNumber };
}

function lost(): X509IssueOutcome {
  return { kind: "refused", code: "ERR_SVID_RECHECK", message: "the request got no result" };
}
