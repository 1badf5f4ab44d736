import type { DataDirectoryOptions } from "../engine/data-directory.ts";
import type { EngineAnswer, EngineRequest, RowPosition, SnapshotChunk, StoreFailure } from "../protocol.ts";

export type WorkerOptions = DataDirectoryOptions;

export interface NumberedRequest {
  readonly id: number;
  readonly request: EngineRequest;
}

export type ToWorker =
  | { readonly kind: "requests"; readonly requests: readonly NumberedRequest[] }
  /** The next chunk of snapshot `id`; the first request of an id opens it. */
  | { readonly kind: "chunk"; readonly id: number }
  | { readonly kind: "end-snapshot"; readonly id: number }
  | { readonly kind: "close" };

export type FromWorker =
  | { readonly kind: "opened" }
  | { readonly kind: "not-opened"; readonly failure: StoreFailure }
  /** All of one commit. */
  | { readonly kind: "answers"; readonly answers: readonly { readonly id: number; readonly answer: EngineAnswer }[] }
  /** Without `chunk`: that was all. */
  | {
      readonly kind: "chunk";
      readonly id: number;
      readonly position: RowPosition;
      readonly chunk: SnapshotChunk | undefined;
    }
  | { readonly kind: "no-chunk"; readonly id: number; readonly failure: StoreFailure };
