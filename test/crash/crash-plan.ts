import type { KeyObject } from "node:crypto";
import type { AuthorityRecord } from "../../server/domain/authority.ts";
import type { AuthorityKeyType, KeyManager, Signer } from "../../server/issuance/ports.ts";
import type { AuthorityCommit, AuthorityStore, BundleStore } from "../../server/store/ports.ts";
import type { SpiffeBundle, TrustDomain } from "../../spiffe/index.ts";

/** A process that is to die at one of its durable writes; counts them when it is not. */
export class CrashPlan {
  readonly #dieAt: number | undefined;
  readonly #when: "before" | "after";
  #isDead = false;
  /** Durable writes begun so far, for the enumeration. */
  writes = 0;
  readonly labels: string[] = [];

  constructor(dieAt?: number, when: "before" | "after" = "before") {
    this.#dieAt = dieAt;
    this.#when = when;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** `perform` is a durable write: it happens wholly or not at all, and whoever waits for it may never hear of it. */
  async write<T>(label: string, perform: () => Promise<T>): Promise<T> {
    this.check();
    this.writes += 1;
    this.labels.push(label);
    const dies = this.writes === this.#dieAt;
    if (dies && this.#when === "before") this.#die();
    const result = await perform();
    if (dies) this.#die();
    return result;
  }

  /** Nothing that a dead process does has an effect. */
  check(): void {
    if (this.#isDead) throw new Error("this process is dead");
  }

  #die(): never {
    this.#isDead = true;
    throw new Error("this process dies here");
  }
}

/** Of commits made through it: those that were acknowledged, and the one in doubt, if any. */
export interface CommitLog {
  readonly acknowledged: AuthorityCommit[];
  inDoubt: AuthorityCommit | undefined;
}

export function crashingStore(
  store: AuthorityStore & BundleStore,
  plan: CrashPlan,
  log: CommitLog,
): AuthorityStore & BundleStore {
  return {
    listAuthorities: (): Promise<readonly AuthorityRecord[]> => {
      plan.check();
      return store.listAuthorities();
    },
    findBundle: (trustDomain: TrustDomain): Promise<SpiffeBundle | undefined> => {
      plan.check();
      return store.findBundle(trustDomain);
    },
    commitAuthorities: async (commit) => {
      plan.check();
      log.inDoubt = commit;
      const bundle = await plan.write(`commit ${describe(commit)}`, () => store.commitAuthorities(commit));
      log.inDoubt = undefined;
      log.acknowledged.push(commit);
      return bundle;
    },
  };
}

export function crashingKeyManager(keys: KeyManager, plan: CrashPlan): KeyManager {
  const alive = async <T>(read: () => Promise<T>): Promise<T> => {
    plan.check();
    return read();
  };
  return {
    generateKey: (keyId: string, type: AuthorityKeyType): Promise<KeyObject> =>
      plan.write("generate key", () => keys.generateKey(keyId, type)),
    deleteKey: (keyId: string): Promise<void> => plan.write("delete key", () => keys.deleteKey(keyId)),
    publicKey: (keyId) => alive(() => keys.publicKey(keyId)),
    listKeyIds: () => alive(() => keys.listKeyIds()),
    signer: (keyId): Promise<Signer> => alive(() => keys.signer(keyId)),
    localKey: (keyId) => alive(() => keys.localKey(keyId)),
  };
}

function describe({ put, remove, bundleEdits }: AuthorityCommit): string {
  return [
    ...put.map(({ kind, state }) => `${kind}=${state}`),
    ...remove.map((key) => `-${key.split("/")[0]}`),
    ...bundleEdits.map(({ kind }) => kind),
  ].join(" ");
}
