import type { Socket } from "node:net";
import type { Clock, Timer } from "../../runtime/core/index.ts";
import { mendPathAuthority } from "./path-authority.ts";

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const headBytes = 9;
const frameType = { headers: 1, priority: 2, settings: 4, windowUpdate: 8 } as const;
const flag = { ack: 0x1, padded: 0x8, priority: 0x20 } as const;
const setting = { maxConcurrentStreams: 3 } as const;
const emptySettings = Buffer.from([0, 0, 0, frameType.settings, 0, 0, 0, 0, 0]);
/** A client that waits for settings has only its first request to send: a frame of the default size, and small ones. */
const most = { bytes: 32 * 1024, frames: 32 } as const;

interface Limits {
  readonly clock: Clock;
  /** For the preface and the first settings. */
  readonly handshakeTimeoutMs: number;
  /** For the first request after them. */
  readonly idleTimeoutMs: number;
}

/**
 * Looks at how an HTTP/2 client begins, mends the `:authority` of its first request when that is a path (path-authority.ts
 * says why), and leaves everything to be read by whoever comes next. `onReady` is called at most once; the connection is
 * destroyed instead when it does not begin in time.
 *
 * gRPC for Java is known by announcing that it takes no streams, as gRPC for C does. Only these two are waited for, and
 * they wait themselves, for the first settings; so they get empty ones, whose acknowledgement is kept from the session,
 * which sends its own.
 */
export function mendFirstRequest(socket: Socket, limits: Limits, onReady: () => void): void {
  let received: Buffer = Buffer.alloc(0);
  let isAnswered = false;
  let timer: Timer = limits.clock.setTimer(limits.handshakeTimeoutMs, () => socket.destroy());
  const stop = (): void => {
    timer.cancel();
    socket.off("readable", onReadable);
    socket.off("close", stop);
  };
  const onReadable = (): void => {
    for (let chunk: unknown = socket.read(); chunk !== null; chunk = socket.read()) {
      if (chunk instanceof Buffer) received = Buffer.concat([received, chunk]);
    }
    const beginning = readBeginning(received, isAnswered);
    if (beginning.kind === "ready") {
      stop();
      // The session reads what a socket has buffered first.
      if (beginning.bytes.length > 0) socket.unshift(beginning.bytes);
      onReady();
    } else if (beginning.kind === "excessive" || received.length > most.bytes) socket.destroy();
    else if (beginning.kind === "waits-for-settings" && !isAnswered) {
      isAnswered = true;
      timer.cancel();
      timer = limits.clock.setTimer(limits.idleTimeoutMs, () => socket.destroy());
      socket.write(emptySettings);
    }
  };
  socket.on("readable", onReadable);
  socket.once("close", stop);
}

type Beginning =
  /** `bytes` are for the session. */
  | { readonly kind: "ready"; readonly bytes: Buffer }
  | { readonly kind: "incomplete" | "excessive" }
  | { readonly kind: "waits-for-settings" };

/** `isAnswered`: we sent settings, and their acknowledgement is among the bytes or still to come. */
function readBeginning(received: Buffer, isAnswered: boolean): Beginning {
  const seen = Math.min(received.length, preface.length);
  // Whatever it is, the session will say so.
  if (received.compare(preface, 0, seen, 0, seen) !== 0) return { kind: "ready", bytes: received };
  const frames = framesOf(received);
  const [first] = frames;
  if (first === undefined) return { kind: "incomplete" };
  if (first.type !== frameType.settings || !takesNoStreams(first.payload)) return { kind: "ready", bytes: received };

  const decisive = frames.find(({ type }) => !isPreparation(type));
  const acknowledgement = frames.find(({ type, flags }) => type === frameType.settings && (flags & flag.ack) !== 0);
  if (decisive === undefined || (isAnswered && acknowledgement === undefined)) {
    return { kind: frames.length > most.frames ? "excessive" : "waits-for-settings" };
  }
  if (decisive.type === frameType.headers) mendPathAuthority(blockOf(decisive));
  if (!isAnswered || acknowledgement === undefined) return { kind: "ready", bytes: received };
  const after = received.subarray(acknowledgement.start + headBytes + acknowledgement.payload.length);
  return { kind: "ready", bytes: Buffer.concat([received.subarray(0, acknowledgement.start), after]) };
}

interface Frame {
  readonly start: number;
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
}

/** The whole frames after the preface; of too many, one more than may be. */
function framesOf(received: Buffer): readonly Frame[] {
  const frames: Frame[] = [];
  for (let start = preface.length; start + headBytes <= received.length && frames.length <= most.frames; ) {
    const end = start + headBytes + received.readUIntBE(start, 3);
    if (end > received.length) break;
    const payload = received.subarray(start + headBytes, end);
    frames.push({ start, type: received[start + 3] ?? 0, flags: received[start + 4] ?? 0, payload });
    start = end;
  }
  return frames;
}

function takesNoStreams(settings: Buffer): boolean {
  for (let at = 0; at + 6 <= settings.length; at += 6) {
    if (settings.readUInt16BE(at) === setting.maxConcurrentStreams) return settings.readUInt32BE(at + 2) === 0;
  }
  return false;
}

/** What comes before a first request. */
function isPreparation(type: number): boolean {
  return type === frameType.settings || type === frameType.windowUpdate || type === frameType.priority;
}

/** RFC 9113 §6.2: the block without padding and priority. A block that goes on in another frame has its beginning here. */
function blockOf({ flags, payload }: Frame): Buffer {
  const padding = (flags & flag.padded) === 0 ? 0 : 1;
  const start = padding + ((flags & flag.priority) === 0 ? 0 : 5);
  const end = payload.length - (padding === 0 ? 0 : (payload[0] ?? 0));
  return payload.subarray(Math.min(start, end), Math.max(start, end));
}
