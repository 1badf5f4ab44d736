import { Certificate } from "../../certs/index.ts";
import type { AuthorityRecord } from "../../server/domain/authority.ts";
import type { AuthorityCommit, AuthorityStore, BundleEdit, BundleStore } from "../../server/store/ports.ts";
import { SpiffeBundle, type TrustDomain } from "../../spiffe/index.ts";

/** The authorities' part of a store in memory. What it holds outlives the "processes" of a test. */
export class FakeAuthorityStore implements AuthorityStore, BundleStore {
  #records: readonly AuthorityRecord[] = [];
  #bundle: SpiffeBundle;
  /** When set, every call rejects with it and changes nothing. */
  failure: Error | undefined;
  commits = 0;

  constructor(trustDomain: TrustDomain) {
    this.#bundle = SpiffeBundle.of(trustDomain, { sequenceNumber: 0n });
  }

  async listAuthorities(): Promise<readonly AuthorityRecord[]> {
    this.#check();
    return this.#records;
  }

  async findBundle(trustDomain: TrustDomain): Promise<SpiffeBundle | undefined> {
    this.#check();
    return trustDomain.equals(this.#bundle.trustDomain) ? this.#bundle : undefined;
  }

  async commitAuthorities({ put, remove, bundleEdits }: AuthorityCommit): Promise<SpiffeBundle> {
    this.#check();
    this.commits += 1;
    const replaced = new Set([...remove, ...put.map(keyOf)]);
    const kept = this.#records.filter((record) => !replaced.has(keyOf(record)));
    this.#records = [...kept, ...put].sort((a, b) => a.issuedAt - b.issuedAt);
    const edited = bundleEdits.reduce(applyEdit, this.#bundle);
    if (!edited.equals(this.#bundle)) {
      this.#bundle = edited.with({ sequenceNumber: (this.#bundle.sequenceNumber ?? 0n) + 1n });
    }
    return this.#bundle;
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

function keyOf({ kind, id }: AuthorityRecord): string {
  return `${kind}/${id}`;
}

function applyEdit(bundle: SpiffeBundle, edit: BundleEdit): SpiffeBundle {
  const { x509Authorities, jwtAuthorities } = bundle;
  switch (edit.kind) {
    case "add-x509": {
      const certificate = Certificate.parse(edit.certificateDer);
      return bundle.with({ x509Authorities: [...x509Authorities, { certificate, tainted: false }] });
    }
    case "remove-x509":
      return bundle.with({
        x509Authorities: x509Authorities.filter(({ certificate: { der } }) => !isSame(der, edit.certificateDer)),
      });
    case "taint-x509":
      return bundle.with({
        x509Authorities: x509Authorities.map(({ certificate, tainted }) => ({
          certificate,
          tainted: tainted || certificate.subjectKeyId === edit.subjectKeyId,
        })),
      });
    case "add-jwt": {
      const { keyId, publicKey, expiresAt } = edit;
      return bundle.with({ jwtAuthorities: [...jwtAuthorities, { keyId, spkiDer: publicKey, expiresAt }] });
    }
    case "remove-jwt":
      return bundle.with({ jwtAuthorities: jwtAuthorities.filter(({ keyId }) => keyId !== edit.keyId) });
    case "taint-jwt":
      return bundle.with({
        jwtAuthorities: jwtAuthorities.map(({ keyId, spkiDer, expiresAt, tainted }) => ({
          keyId,
          spkiDer,
          expiresAt,
          tainted: tainted || keyId === edit.keyId,
        })),
      });
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
