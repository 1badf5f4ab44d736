import { ConnectionError, errorCode } from "./errors.ts";
import { maxWindow } from "./flow-window.ts";
import { maxPayloadBytes, readUint32 } from "./frames.ts";

/** RFC 9113 §6.5.2. */
export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

const maxMaxFrameSize = 2 ** 24 - 1;

/**
 * Looks at a client's SETTINGS; returns its last INITIAL_WINDOW_SIZE, the only one that concerns a server like ours:
 * it pushes nothing, sends frames of the size that everybody takes, and has no compression table.
 * Throws ConnectionError for values that no peer may send.
 */
export function readSettings(bytes: Buffer, from: number, end: number): number | undefined {
  if ((end - from) % 6 !== 0) throw new ConnectionError(errorCode.frameSizeError, "SETTINGS are cut");
  let initialWindow: number | undefined;
  for (let at = from; at < end; at += 6) {
    const id = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    const value = readUint32(bytes, at + 2);
    if (id === setting.initialWindowSize) {
      if (value > maxWindow) throw new ConnectionError(errorCode.flowControlError, `an initial window of ${value}`);
      initialWindow = value;
    } else if (id === setting.enablePush && value > 1) {
      throw new ConnectionError(errorCode.protocolError, `ENABLE_PUSH of ${value}`);
    } else if (id === setting.maxFrameSize && (value < maxPayloadBytes || value > maxMaxFrameSize)) {
      throw new ConnectionError(errorCode.protocolError, `MAX_FRAME_SIZE of ${value}`);
    }
  }
  return initialWindow;
}
