import type { Certificate } from "../../certs/index.ts";
import type { SpiffeId } from "../../spiffe/index.ts";
import type { Peer, VerifiedPeer } from "../../transport/index.ts";

/** Who calls, as far as the connection proves it. Which class a caller is of depends on the method (Authorizer). */
export type Caller = LocalCaller | AnonymousCaller | SvidCaller;

/** Over the admin socket: the kernel says who. */
export interface LocalCaller {
  readonly kind: "local";
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
}

/** Over TLS without a client certificate. */
export interface AnonymousCaller {
  readonly kind: "anonymous";
  readonly address: string;
}

/** Over TLS with an X.509-SVID that verified at the handshake. */
export interface SvidCaller {
  readonly kind: "svid";
  readonly id: SpiffeId;
  readonly address: string;
  /** Decimal. */
  readonly serialNumber: string;
  /** Unix ms: when the first certificate of the chain ends. */
  readonly notAfterMs: number;
  /** Lower-case hex subject key id of the trust anchor that the chain ends under. */
  readonly authorityId: string;
  /** The same of what is above the SVID's issuer, up to the trust anchor. */
  readonly aboveIssuer: readonly string[];
}

export function callerOf(peer: Peer): Caller {
  if (peer.kind === "unix") return { kind: "local", uid: peer.uid, gid: peer.gid, pid: peer.pid };
  if (peer.svid === undefined) return { kind: "anonymous", address: peer.address };
  return svidCaller(peer.svid, peer.address);
}

const seen = new WeakMap<readonly Certificate[], SvidCaller>();

/** Computed once per connection. */
export function svidCaller({ id, path }: VerifiedPeer, address: string): SvidCaller {
  const known = seen.get(path);
  if (known !== undefined) return known;
  const caller: SvidCaller = {
    kind: "svid",
    id,
    address,
    serialNumber: path[0]?.serialNumber ?? "",
    notAfterMs: Math.min(...path.map((certificate) => certificate.notAfter)),
    authorityId: path.at(-1)?.subjectKeyId ?? "",
    aboveIssuer: path.slice(2).flatMap(({ subjectKeyId }) => subjectKeyId ?? []),
  };
  seen.set(path, caller);
  return caller;
}

/** Whose bucket a call is counted in; `undefined` = exempt. */
export function rateAddress(caller: Caller): string | undefined {
  return caller.kind === "local" ? undefined : caller.address;
}

/** The same for what is counted by agent. */
export function rateAgent(caller: Caller): string | undefined {
  return caller.kind === "svid" ? caller.id.toString() : undefined;
}

/** For audit records. */
export function callerFields(caller: Caller): Readonly<Record<string, string | number>> {
  switch (caller.kind) {
    case "local":
      return { caller_uid: caller.uid, caller_gid: caller.gid, caller_pid: caller.pid };
    case "anonymous":
      return { caller_address: caller.address };
    case "svid":
      return { caller_address: caller.address, caller_id: caller.id.toString() };
  }
}
