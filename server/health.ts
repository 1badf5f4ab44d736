import { errorFields } from "../runtime/core/index.ts";
import type { SpiffeBundle, TrustDomain } from "../spiffe/index.ts";
import type { X509Issuer } from "./authority/ports.ts";
import { authorityIds } from "./authorization/index.ts";
import type { Registry } from "./registry/ports.ts";
import type { Store } from "./store/ports.ts";
import type { StoreIntegrity } from "./store-integrity.ts";

export interface ServerHealth {
  readonly healthy: boolean;
  /** Part → `ok`, or what is wrong. Safe to show. */
  readonly parts: Readonly<Record<string, string>>;
}

export interface HealthProbe {
  check(): Promise<ServerHealth>;
}

export interface HealthDeps {
  readonly trustDomain: TrustDomain;
  readonly store: Pick<Store, "check">;
  readonly integrity: Pick<StoreIntegrity, "check">;
  readonly registry: Pick<Registry, "bundle">;
  readonly authorities: { x509Issuer(): Pick<X509Issuer, "authorityId" | "notAfter"> };
  readonly nowMs: () => number;
}

/** Real probes: the store answers, the bundle is there, and an authority of that bundle can sign now. */
export function healthProbe(deps: HealthDeps): HealthProbe {
  return {
    check: async () => {
      const parts = {
        store: await said(async () => {
          await deps.store.check();
          deps.integrity.check();
        }),
        bundle: await said(async () => void ownBundle(deps)),
        authority: await said(async () => checkAuthority(deps)),
      };
      return { healthy: Object.values(parts).every((part) => part === "ok"), parts };
    },
  };
}

function ownBundle({ registry, trustDomain }: HealthDeps): SpiffeBundle {
  const bundle = registry.bundle(trustDomain);
  if (bundle === undefined || bundle.x509Authorities.length === 0) throw new Error("there is no bundle yet");
  return bundle;
}

function checkAuthority(deps: HealthDeps): void {
  const { authorityId, notAfter } = deps.authorities.x509Issuer();
  if (notAfter * 1000 <= deps.nowMs()) throw new Error("the signing authority has expired");
  if (!authorityIds(ownBundle(deps)).has(authorityId)) throw new Error("the signing authority is not in the bundle");
}

async function said(probe: () => Promise<void>): Promise<string> {
  try {
    await probe();
    return "ok";
  } catch (error) {
    return String(errorFields(error)["error"]);
  }
}
