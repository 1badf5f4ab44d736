import { encodePem, encodePkcs8 } from "../../certs/index.ts";
import type { BundleMap, JwtSvid, SpiffeBundle, X509Context, X509Svid } from "../../sdk/index.ts";
import type { FilesConfig } from "./config/files-config.ts";

/** What the Workload API gave so far. */
export interface Identities {
  readonly x509: { readonly context: X509Context; readonly svid: X509Svid } | undefined;
  readonly jwtBundles: BundleMap | undefined;
  /** By file name. */
  readonly jwtSvids: ReadonlyMap<string, JwtSvid>;
}

export interface OutputFile {
  /** Relative to the folder. */
  readonly name: string;
  readonly content: string;
  readonly mode: number;
  readonly kind: "x509" | "jwt";
}

/** JSON of bundles and SVIDs that are there, in the order in which readers may see them come: trust before what needs it. */
export function filesOf(identities: Identities, config: FilesConfig, nowMs: number): readonly OutputFile[] {
  return [
    ...perTrustDomain(identities, config, nowMs),
    ...x509Files(identities.x509, config, nowMs),
    ...jwtBundleFile(identities.jwtBundles, config),
    ...jwtSvidFiles(identities.jwtSvids, config, nowMs),
  ];
}

function x509Files(x509: Identities["x509"], config: FilesConfig, nowMs: number): readonly OutputFile[] {
  if (x509 === undefined) return [];
  const { svid, context } = x509;
  const { cert, key } = config.modes;
  const [leaf, ...intermediates] = svid.chain.map(({ der }) => der);
  const inBundle = config.intermediatesInBundle ? intermediates : [];
  const own = authorities(context.bundles.get(svid.id.trustDomain), config, nowMs);
  const others = config.includesFederated
    ? sorted(context.bundles).filter(({ trustDomain }) => !trustDomain.equals(svid.id.trustDomain))
    : [];
  const federated = others.flatMap((bundle) => authorities(bundle, config, nowMs));
  const bundle = pem([...own, ...inBundle, ...federated]);
  const files = [file(config.bundleFile, bundle, cert)];
  if (!isOver(svid.notAfter, config, nowMs)) {
    const chain = pem(leaf === undefined ? [] : [leaf, ...(config.intermediatesInBundle ? [] : intermediates)]);
    const keyPem = encodePem("PRIVATE KEY", encodePkcs8(svid.key));
    files.push(file(config.combinedFile, keyPem + chain, key));
    files.push(file(config.keyFile, keyPem, key), file(config.chainFile, chain, cert));
  }
  return files.filter((one) => one !== undefined);
}

/** X.509 and JWT authorities come on streams of their own: without one of them the document would say that there are none. */
function perTrustDomain({ x509, jwtBundles }: Identities, config: FilesConfig, nowMs: number): readonly OutputFile[] {
  const folder = config.bundlesFolder;
  if (folder === undefined || x509 === undefined || jwtBundles === undefined) return [];
  return sorted(x509.context.bundles).flatMap((bundle) => {
    const { trustDomain } = bundle;
    const jwtAuthorities = jwtBundles.get(trustDomain)?.jwtAuthorities ?? [];
    const document = `${bundle.with({ jwtAuthorities }).toJwks()}\n`;
    return [
      file(`${folder}/${trustDomain.name}.json`, document, config.modes.cert),
      file(`${folder}/${trustDomain.name}.pem`, pem(authorities(bundle, config, nowMs)), config.modes.cert),
    ].filter((one) => one !== undefined);
  });
}

/** spiffe-helper's form: trust domain → JWKS in base64. */
function jwtBundleFile(bundles: BundleMap | undefined, config: FilesConfig): readonly OutputFile[] {
  if (bundles === undefined || config.jwtBundleFile === undefined) return [];
  const entries = sorted(bundles).map((one) => [one.trustDomain.name, base64(one.toWorkloadJwks())]);
  const content = JSON.stringify(Object.fromEntries(entries));
  return [{ name: config.jwtBundleFile, content, mode: config.modes.jwtBundle, kind: "jwt" }];
}

function jwtSvidFiles(svids: Identities["jwtSvids"], config: FilesConfig, nowMs: number): readonly OutputFile[] {
  return [...svids]
    .filter(([, { expiresAt }]) => !isOver(expiresAt * 1000, config, nowMs))
    .map(([name, { token }]) => ({ name, content: token.reveal(), mode: config.modes.jwtSvid, kind: "jwt" }));
}

function isOver(endMs: number, { removesExpired }: FilesConfig, nowMs: number): boolean {
  return removesExpired && endMs <= nowMs;
}

function authorities(bundle: SpiffeBundle | undefined, { omitsExpired }: FilesConfig, nowMs: number): Uint8Array[] {
  return (bundle?.x509Authorities ?? [])
    .filter(({ certificate }) => !omitsExpired || certificate.notAfter > nowMs)
    .map(({ certificate }) => certificate.der);
}

/** The same content for the same bundles, however the Workload API ordered them. */
function sorted(bundles: BundleMap): readonly SpiffeBundle[] {
  return [...bundles].sort((left, right) => (left.trustDomain.name < right.trustDomain.name ? -1 : 1));
}

function file(name: string | undefined, content: string, mode: number): OutputFile | undefined {
  return name === undefined ? undefined : { name, content, mode, kind: "x509" };
}

function pem(ders: readonly Uint8Array[]): string {
  return ders.map((der) => encodePem("CERTIFICATE", der)).join("");
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
