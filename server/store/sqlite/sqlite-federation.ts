import type { FederationRelationship } from "../../../proto/domain/federation.ts";
import type { Clock } from "../../../runtime/core/index.ts";
import type {
  JwtAuthority,
  SpiffeBundle,
  SpiffeBundleParts,
  TrustDomain,
  X509Authority,
} from "../../../spiffe/index.ts";
import type {
  AppendBundleOutcome,
  BundleDeleteMode,
  CreateBundleOutcome,
  CreateFederationOutcome,
  DeleteBundleOutcome,
  FederatedBundleStore,
  FederationStore,
  OwnBundleStore,
  UpdateBundleOutcome,
  UpdateFederationOutcome,
} from "../ports.ts";
import {
  decodeBundle,
  encodeBundle,
  encodeBundleUpdate,
  encodeJwtAuthority,
  encodeX509Authority,
} from "./codec/bundle.ts";
import { decodeFederation, encodeFederation, encodeFederationChange } from "./codec/federation.ts";
import type { SqliteCalls } from "./sqlite-calls.ts";

/** The part of the store that keeps bundles of others, and where they come from. */
export class SqliteFederation implements OwnBundleStore, FederatedBundleStore, FederationStore {
  readonly #calls: SqliteCalls;
  readonly #own: TrustDomain;
  readonly #clock: Clock;

  constructor(calls: SqliteCalls, own: TrustDomain, clock: Clock) {
    this.#calls = calls;
    this.#own = own;
    this.#clock = clock;
  }

  async appendBundle(authorities: {
    readonly x509Authorities: readonly X509Authority[];
    readonly jwtAuthorities: readonly JwtAuthority[];
  }): Promise<AppendBundleOutcome> {
    const outcome = await this.#calls.change("appendBundle", {
      x509: authorities.x509Authorities.map(encodeX509Authority),
      jwt: authorities.jwtAuthorities.map(encodeJwtAuthority),
    });
    if (outcome.kind !== "appended") return outcome;
    return { kind: outcome.kind, bundle: decodeBundle(outcome.row, this.#calls.shared) };
  }

  async createBundles(bundles: readonly SpiffeBundle[]): Promise<readonly CreateBundleOutcome[]> {
    const rows = this.#foreign(bundles).map(encodeBundle);
    const outcomes = await this.#calls.change("createBundles", { rows });
    return outcomes.map(({ kind, row }) => ({ kind, bundle: decodeBundle(row, this.#calls.shared) }));
  }

  async updateBundles(
    updates: readonly { readonly trustDomain: TrustDomain; readonly change: SpiffeBundleParts }[],
  ): Promise<readonly UpdateBundleOutcome[]> {
    const outcomes = await this.#calls.change("updateBundles", {
      updates: this.#foreign(updates).map(({ trustDomain, change }) => {
        return { trustDomain: trustDomain.name, change: encodeBundleUpdate(trustDomain, change) };
      }),
    });
    return outcomes.map((outcome) => {
      if (outcome.kind !== "updated") return outcome;
      return { kind: outcome.kind, bundle: decodeBundle(outcome.row, this.#calls.shared) };
    });
  }

  async setBundles(bundles: readonly SpiffeBundle[]): Promise<readonly SpiffeBundle[]> {
    const rows = await this.#calls.change("setBundles", { rows: this.#foreign(bundles).map(encodeBundle) });
    return rows.map((row) => decodeBundle(row, this.#calls.shared));
  }

  async deleteBundles(
    trustDomains: readonly TrustDomain[],
    mode: BundleDeleteMode,
  ): Promise<readonly DeleteBundleOutcome[]> {
    const names = this.#foreign(trustDomains.map((trustDomain) => ({ trustDomain })));
    const args = { trustDomains: names.map(({ trustDomain }) => trustDomain.name), mode, nowMs: this.#clock.now() };
    return this.#calls.change("deleteBundles", args);
  }

  async createFederations(
    items: readonly { readonly relationship: FederationRelationship; readonly bundle: SpiffeBundle | undefined }[],
  ): Promise<readonly CreateFederationOutcome[]> {
    const outcomes = await this.#calls.change("createFederations", {
      items: items.map(({ relationship, bundle }) => {
        return { row: encodeFederation(relationship), bundle: this.#foreignOrNone(bundle) };
      }),
    });
    return outcomes.map(({ kind, row }) => ({ kind, relationship: decodeFederation(row, this.#calls.shared) }));
  }

  async updateFederations(
    updates: readonly {
      readonly trustDomain: TrustDomain;
      readonly change: Partial<Omit<FederationRelationship, "trustDomain">>;
      readonly bundle: SpiffeBundle | undefined;
    }[],
  ): Promise<readonly UpdateFederationOutcome[]> {
    const outcomes = await this.#calls.change("updateFederations", {
      updates: updates.map(({ trustDomain, change, bundle }) => ({
        trustDomain: trustDomain.name,
        change: encodeFederationChange(change),
        bundle: this.#foreignOrNone(bundle),
      })),
    });
    return outcomes.map((outcome) => {
      if (outcome.kind !== "updated") return outcome;
      return { kind: outcome.kind, relationship: decodeFederation(outcome.row, this.#calls.shared) };
    });
  }

  deleteFederations(trustDomains: readonly TrustDomain[]): Promise<readonly boolean[]> {
    const names = trustDomains.map(({ name }) => name);
    return this.#calls.change("deleteFederations", { trustDomains: names, nowMs: this.#clock.now() });
  }

  findFederation(trustDomain: TrustDomain): Promise<FederationRelationship | undefined> {
    return this.#calls.read("findFederation", { trustDomain: trustDomain.name }, (row) => {
      return row === null ? undefined : decodeFederation(row, this.#calls.shared);
    });
  }

  /** The own bundle is the authorities' affair: whoever would write over it has a fault. */
  #foreign<Item extends { readonly trustDomain: TrustDomain }>(items: readonly Item[]): readonly Item[] {
    if (items.some(({ trustDomain }) => trustDomain.equals(this.#own))) {
      throw new TypeError("the own trust domain's bundle is not a federated one");
    }
    return items;
  }

  #foreignOrNone(bundle: SpiffeBundle | undefined) {
    if (bundle === undefined) return null;
    this.#foreign([bundle]);
    return encodeBundle(bundle);
  }
}
