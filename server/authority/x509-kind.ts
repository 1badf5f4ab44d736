import { Certificate } from "../../certs/index.ts";
import { type Clock, type Random, uuidV7 } from "../../runtime/core/index.ts";
import type { TrustDomain } from "../../spiffe/index.ts";
import type { AuthorityRecord } from "../domain/authority.ts";
import type { AuthorityKeyType } from "../issuance/ports.ts";
import type { AuthorityKindProfile } from "./authority-kind.ts";
import { checkMintedCa } from "./check-minted-ca.ts";
import type { CaSubject, UpstreamAuthority } from "./ports.ts";
import { turnsOf } from "./schedule.ts";

/** X.509 CAs, from whatever is above them. */
export function x509Kind(options: {
  readonly trustDomain: TrustDomain;
  readonly keyType: AuthorityKeyType;
  /** Seconds asked of the upstream. */
  readonly ttl: number;
  readonly subject: CaSubject;
  readonly upstream: UpstreamAuthority;
  readonly clock: Clock;
  readonly random: Random;
}): AuthorityKindProfile {
  const { trustDomain, upstream, clock, random } = options;
  return {
    kind: "x509",
    keyType: options.keyType,
    life: options.ttl,
    provisionalId: () => `preparing-${uuidV7(clock.now(), random)}`,
    forge: async (_record, signer) => {
      const minted = await upstream.mintX509Ca({ trustDomain, signer, subject: options.subject, ttl: options.ttl });
      const issuedAt = Math.floor(clock.now() / 1000);
      const certificate = await checkMintedCa({ minted, trustDomain, signer, nowMs: clock.now(), random });
      return {
        id: certificate.subjectKeyId ?? "",
        chain: minted.chain,
        anchors: minted.anchors,
        upstreamId: minted.upstreamId,
        issuedAt,
        notAfter: Math.floor(certificate.notAfter / 1000),
      };
    },
    publishEdits: (record, distrustedAbove) =>
      record.anchors
        .filter((anchor) => !distrustedAbove.has(Certificate.parse(anchor).subjectKeyId ?? ""))
        .map((certificateDer) => ({ kind: "add-x509", certificateDer })),
    taintEdits: (record) => [{ kind: "taint-x509", subjectKeyId: anchorIdOf(record) }],
    revokeEdits: (record, bundle) =>
      bundle.x509Authorities
        .filter(({ certificate }) => certificate.subjectKeyId === anchorIdOf(record))
        .map(({ certificate }) => ({ kind: "remove-x509", certificateDer: certificate.der })),
    withdrawEdits: (record, nowMs) =>
      record.anchors
        .filter((anchor) => record.upstreamId === "" || isDead(anchor, record, nowMs))
        .map((certificateDer) => ({ kind: "remove-x509", certificateDer })),
  };
}

/** Key id of the trust anchor that what it signed ends under. */
function anchorIdOf({ id, upstreamId }: AuthorityRecord): string {
  return upstreamId === "" ? id : upstreamId;
}

/** Others may rest on an anchor from upstream, also CAs of other servers: it goes only when it has itself ended. */
function isDead(anchor: Uint8Array, record: AuthorityRecord, nowMs: number): boolean {
  const notAfter = Math.floor(Certificate.parse(anchor).notAfter / 1000);
  return nowMs / 1000 >= turnsOf({ issuedAt: record.issuedAt, notAfter }).deadAt;
}
