import type { AuthorizedEntries, PollingLink, ServerLink, SyncPage } from "../../../proto/domain/link.ts";
import type { SpiffeBundle, TrustDomain } from "../../../spiffe/index.ts";
import { agentErrors } from "../../errors.ts";
import { agentLimits } from "../../limits.ts";
import type { AgentEvents } from "../../telemetry/events.ts";
import type { HeldResources } from "./held-resources.ts";
import { bundlePage, distrustPage, entryPage, federatedDomains, type PolledBundles } from "./polled-pages.ts";

/** Positions of polled sets. A server that pushes knows no such epoch and begins with a snapshot. */
export const polledEpoch = "polled";

export interface PollerDeps {
  readonly link: Pick<ServerLink, "getBundle">;
  readonly polling: PollingLink;
  readonly held: HeldResources;
  readonly events: AgentEvents;
}

/** One server, asked in turns. The first turn says everything, later ones what has changed since. */
export class Poller {
  readonly #deps: PollerDeps;
  #isFirst = true;
  #tainted: string | undefined;

  constructor(deps: PollerDeps) {
    this.#deps = deps;
  }

  /**
   * The pages of one turn, `n` being its number: bundles before what needs them. Empty when nothing has changed. A
   * bundle that cannot be fetched stops nothing; it stays as it is held, and the next turn asks again.
   *
   * @throws ServiceError why the entries could not be fetched
   */
  async turn(n: number, signal: AbortSignal, onAccepted: () => void): Promise<readonly SyncPage[]> {
    const { polling, held, events } = this.#deps;
    const timeoutMs = agentLimits.pollTimeoutMs.value;
    const answer = await polling.authorizedEntries((id) => held.entry(id), { signal, timeoutMs, onAccepted });
    for (const { id, error } of answer.unreadable) events.entryUnreadable(id, error);
    const bundles = await this.#bundles(answer, signal);
    const position = { epoch: polledEpoch, n };
    const pages = [
      bundlePage(bundles, held, position),
      this.#distrust(bundles.own ?? held.ownBundle(), position),
      entryPage(answer, held, position, !this.#isFirst),
    ];
    this.#isFirst = false;
    return pages.filter((page) => page !== undefined);
  }

  #distrust(own: SpiffeBundle, position: SyncPage["position"]): SyncPage | undefined {
    const page = distrustPage(own, position);
    const tainted = JSON.stringify(page.resources);
    if (tainted === this.#tainted) return undefined;
    this.#tainted = tainted;
    return page;
  }

  async #bundles(answer: AuthorizedEntries, signal: AbortSignal): Promise<PolledBundles> {
    const { held, link } = this.#deps;
    const timeoutMs = agentLimits.callTimeoutMs.value;
    const { trustDomain } = held.ownBundle();
    const failed = new Set<string>();
    const federated: SpiffeBundle[] = [];
    const waiting = [...federatedDomains(answer, held)];
    const worker = async (): Promise<void> => {
      for (let domain = waiting.shift(); domain !== undefined; domain = waiting.shift()) {
        const bundle = await this.#orKeep(domain, failed, signal, this.#federated(domain, signal));
        if (bundle !== undefined) federated.push(bundle);
      }
    };
    // All are waited for at once: when the stream is left, each of them rejects, and what nobody waits for ends the process.
    const [own] = await Promise.all([
      this.#orKeep(trustDomain, failed, signal, () => link.getBundle({ signal, timeoutMs })),
      ...Array.from({ length: agentLimits.federatedBundlesAtOnce.value }, worker),
    ]);
    return { own, federated, failed };
  }

  #federated(domain: TrustDomain, signal: AbortSignal): () => Promise<SpiffeBundle | undefined> {
    const timeoutMs = agentLimits.callTimeoutMs.value;
    return () => this.#deps.polling.federatedBundle(domain, { signal, timeoutMs });
  }

  /** `undefined` when it is not there, or cannot be fetched: then it is among the `failed`. */
  async #orKeep(
    domain: TrustDomain,
    failed: Set<string>,
    signal: AbortSignal,
    fetch: () => Promise<SpiffeBundle | undefined>,
  ): Promise<SpiffeBundle | undefined> {
    try {
      const bundle = await fetch();
      if (bundle !== undefined) check(bundle, domain, this.#deps.held);
      return bundle;
    } catch (error) {
      signal.throwIfAborted();
      failed.add(domain.name);
      this.#deps.events.bundleNotFetched(domain.name, error);
      return undefined;
    }
  }
}

function check(bundle: SpiffeBundle, domain: TrustDomain, held: HeldResources): void {
  if (!bundle.trustDomain.equals(domain)) {
    throw agentErrors.error("ERR_RESPONSE_UNUSABLE", `a bundle of ${bundle.trustDomain.name} came for ${domain.name}`);
  }
  const isOwn = domain.equals(held.ownBundle().trustDomain);
  // Without an X.509 authority not even the server that corrects it could be verified any more.
  if (isOwn && bundle.x509Authorities.length === 0) {
    throw agentErrors.error("ERR_RESPONSE_UNUSABLE", "the server's bundle has no X.509 authority");
  }
}
