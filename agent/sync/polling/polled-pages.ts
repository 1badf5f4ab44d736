import type { AuthorizedEntries, Position, ResourceType, SyncPage, SyncResource } from "../../../proto/domain/link.ts";
import type { SpiffeBundle, TrustDomain } from "../../../spiffe/index.ts";
import { agentLimits } from "../../limits.ts";
import type { HeldResources } from "./held-resources.ts";

/** What one poll brought of bundles. */
export interface PolledBundles {
  /** `undefined`: it could not be fetched. */
  readonly own: SpiffeBundle | undefined;
  /** Fetched now. */
  readonly federated: readonly SpiffeBundle[];
  /** Could not be fetched now; what is held of them stays. */
  readonly failed: ReadonlySet<string>;
}

/** The page that turns what is held into the polled set; `undefined` when that is nothing and may be left out. */
export function entryPage(
  answer: AuthorizedEntries,
  held: HeldResources,
  position: Position,
  mayBeLeftOut: boolean,
): SyncPage | undefined {
  const removed: string[] = [];
  for (const { id } of held.entries()) if (!answer.ids.has(id)) removed.push(id);
  if (mayBeLeftOut && removed.length + answer.changed.length === 0) return undefined;
  const resources = answer.changed.map((entry): SyncResource => ({ kind: "entry", entry }));
  return page("entry", position, { resources, removed });
}

/** Bundles that differ from what is held; gone are those that no entry needs and those that the server has not. */
export function bundlePage(bundles: PolledBundles, held: HeldResources, position: Position): SyncPage | undefined {
  const own = held.ownBundle();
  const foreign = new Map(held.foreignBundles().map((bundle) => [bundle.trustDomain.name, bundle]));
  const resources: SyncResource[] = [];
  if (bundles.own !== undefined && !bundles.own.equals(own)) resources.push({ kind: "bundle", bundle: bundles.own });
  const kept = new Set(bundles.failed);
  for (const bundle of bundles.federated) {
    const { name } = bundle.trustDomain;
    kept.add(name);
    if (foreign.get(name)?.equals(bundle) !== true) resources.push({ kind: "bundle", bundle });
  }
  const removed = [...foreign.keys()].filter((name) => !kept.has(name));
  return resources.length + removed.length === 0 ? undefined : page("bundle", position, { resources, removed });
}

/** All that a SPIRE server says of distrust: the authorities that its bundle marks as tainted. */
export function distrustPage(own: SpiffeBundle, position: Position): SyncPage {
  const resources: SyncResource[] = [];
  const spreadMs = agentLimits.replacementSpreadMs.value;
  for (const { certificate, tainted } of own.x509Authorities) {
    const { subjectKeyId } = certificate;
    if (tainted && subjectKeyId !== undefined) {
      resources.push({ kind: "distrust", authority: "x509", spreadMs, authorityId: subjectKeyId });
    }
  }
  for (const { keyId, tainted } of own.jwtAuthorities) {
    if (tainted) resources.push({ kind: "distrust", authority: "jwt", spreadMs, authorityId: keyId });
  }
  return { ...page("distrust", position, { resources, removed: [] }), snapshotStart: true };
}

/** The trust domains whose bundles workloads need once `answer` is applied. */
export function federatedDomains(answer: AuthorizedEntries, held: HeldResources): readonly TrustDomain[] {
  const own = held.ownBundle().trustDomain.name;
  const changed = new Map(answer.changed.map((entry) => [entry.id, entry]));
  const domains = new Map<string, TrustDomain>();
  for (const id of answer.ids) {
    const entry = changed.get(id) ?? held.entry(id);
    for (const domain of entry?.federatesWith ?? []) if (domain.name !== own) domains.set(domain.name, domain);
  }
  return [...domains.values()];
}

function page(type: ResourceType, position: Position, content: Pick<SyncPage, "resources" | "removed">): SyncPage {
  return { kind: "page", type, snapshotStart: false, last: true, position, digest: undefined, ...content };
}
