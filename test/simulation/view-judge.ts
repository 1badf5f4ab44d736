import { createPublicKey } from "node:crypto";
import type { WorkloadIdentity, WorkloadView } from "../../agent/index.ts";
import { decodePkcs8, encodeSpki } from "../../certs/index.ts";
import { type SpiffeBundle, type TrustDomain, verifyX509Svid } from "../../spiffe/index.ts";
import type { Grants } from "./grants.ts";

/**
 * Judges what a workload is given at a moment: every SVID is valid now, verifies under the bundle given with it, has its
 * own key, and is for an entry that the agent may still believe in.
 */
export class ViewJudge {
  /** Until when a chain verifies under a bundle; both are immutable. */
  readonly #verified = new WeakMap<Uint8Array, WeakMap<SpiffeBundle, number>>();

  /** What is wrong with the view, or nothing. */
  judge(
    view: WorkloadView,
    workload: { readonly selectors: ReadonlySet<string> },
    believed: { readonly grants: Grants; readonly sinceMs: number },
    nowMs: number,
  ): readonly string[] {
    return view.identities.flatMap((identity) => {
      const wrong = this.#wrongWith(identity, view.ownBundle, nowMs);
      if (wrong !== undefined) return [`${identity.id} of entry ${identity.entryId}: ${wrong}`];
      if (believed.grants.wasGranted(identity, workload.selectors, believed.sinceMs, nowMs)) return [];
      return [`${identity.id} of entry ${identity.entryId} is served without an entry`];
    });
  }

  #wrongWith(identity: WorkloadIdentity, bundle: SpiffeBundle, nowMs: number): string | undefined {
    if (identity.expiresAtMs <= nowMs) return "it has expired";
    const known = this.#verified.get(identity.chainDer) ?? new WeakMap<SpiffeBundle, number>();
    this.#verified.set(identity.chainDer, known);
    const until = known.get(bundle);
    if (until !== undefined && until > nowMs) return undefined;
    try {
      const bundles = { get: (name: TrustDomain) => (name.equals(bundle.trustDomain) ? bundle : undefined) };
      const { id, path } = verifyX509Svid({ chain: identity.chainDer, bundles, atMs: nowMs, usage: "any" });
      if (!id.equals(identity.id)) return `the certificate is for ${id}`;
      const leaf = path[0];
      const spki = encodeSpki(createPublicKey(decodePkcs8(identity.keyDer)));
      if (leaf === undefined || !Buffer.from(spki).equals(leaf.spkiDer)) return "the key is another's";
      if (leaf.notAfter !== identity.expiresAtMs) return "it does not expire when the certificate does";
      known.set(bundle, Math.min(...path.map(({ notAfter }) => notAfter)));
      return undefined;
    } catch (error) {
      return `it does not verify under the bundle given with it: ${String(error)}`;
    }
  }
}
