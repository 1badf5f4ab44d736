import type { UnixNative } from "./native.ts";

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

const soPeerCred = 17;
const soPeerGroups = 59;
const erange = 34;
const firstGroups = 64;
/** NGROUPS_MAX. */
const mostGroups = 65_536;

/** Who connected, as the kernel recorded it at connect(). `undefined` when the kernel does not say. */
export function readPeerCredentials(native: UnixNative, socketFd: number): PeerCredentials | undefined {
  const cred = Buffer.alloc(12);
  if (native.getSocketOption(socketFd, soPeerCred, cred) !== 12) return undefined;
  const groups = readPeerGroups(native, socketFd);
  if (groups === undefined) return undefined;
  return { pid: cred.readInt32LE(0), uid: cred.readUInt32LE(4), gid: cred.readUInt32LE(8), groups };
}

function readPeerGroups(native: UnixNative, socketFd: number): readonly number[] | undefined {
  for (const capacity of [firstGroups, mostGroups]) {
    const buffer = Buffer.alloc(capacity * 4);
    const length = native.getSocketOption(socketFd, soPeerGroups, buffer);
    if (length === -erange) continue;
    if (length < 0 || length > buffer.length) return undefined;
    return Array.from({ length: length / 4 }, (_, index) => buffer.readUInt32LE(index * 4));
  }
  return undefined;
}
