import { verifyChain } from "../../certs/index.ts";
import { craftedNowMs } from "./crafted-certificate.ts";
import { testKey } from "./fixture-keys.ts";
import { issuedShapes, testAuthority, testLeaf } from "./issued-shapes.ts";

/** A chain for test/interop/python-cryptography.py; certificates are base64 DER. */
export interface PythonCase {
  readonly name: string;
  readonly accepted: boolean;
  readonly leaf: string;
  readonly intermediates: readonly string[];
  readonly roots: readonly string[];
  readonly atMs: number;
  readonly dnsName?: string | undefined;
}

const base64 = ({ der }: { readonly der: Uint8Array }): string => Buffer.from(der).toString("base64");

/** Every shape that we issue in both orders of the bundle, and red twins of one of them. */
export function toPythonCases(): readonly PythonCase[] {
  const atMs = craftedNowMs;
  const cases: PythonCase[] = [];
  for (const { name, leaf, intermediates, roots, dnsName } of issuedShapes(atMs)) {
    // Its Web PKI policy knows no Ed25519 keys; that our leaf is sound is for the other judges to say.
    if (name.includes("ed25519")) continue;
    for (const [order, bundle] of [
      ["", roots],
      [", next root first", roots.toReversed()],
    ] as const) {
      verifyChain({ leaf, intermediates, roots: bundle, atMs, usage: "any" });
      const shared = { leaf: base64(leaf), intermediates: intermediates.map(base64), roots: bundle.map(base64) };
      cases.push({ name: `${name}${order}`, accepted: true, ...shared, atMs, dnsName });
    }
  }
  const root = testAuthority("ec-p256", { nowMs: atMs });
  const other = testAuthority("ec-p256", { nowMs: atMs });
  const leaf = testLeaf(root, testKey("ec-p256"), { nowMs: atMs, uri: "spiffe://a.test/x" });
  const twin = { accepted: false, leaf: base64(leaf), intermediates: [], atMs };
  cases.push(
    { ...twin, name: "a leaf of another root", roots: [base64(other.certificate)] },
    { ...twin, name: "an expired leaf", roots: [base64(root.certificate)], atMs: leaf.notAfter + 1000 },
    { ...twin, name: "a leaf that is not valid yet", roots: [base64(root.certificate)], atMs: leaf.notBefore - 1000 },
    { ...twin, name: "an authority as the leaf", roots: [base64(root.certificate)], leaf: base64(root.certificate) },
  );
  return cases;
}
