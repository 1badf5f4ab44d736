import { join } from "node:path";
import { ensureFolder } from "../../runtime/host/ensure-folder.ts";
import { removeFile, replaceFile } from "../../runtime/host/replace-file.ts";
import type { SpiffeId } from "../../spiffe/index.ts";
import { agentLimits } from "../limits.ts";
import type { AgentEvents } from "../telemetry/events.ts";
import { readFileBounded } from "./read-bounded.ts";
import { isInMemory } from "./tmpfs.ts";
import { decodeWorkloadState, encodeWorkloadState } from "./workload-codec.ts";
import type { WorkloadState, WorkloadStore } from "./workload-state.ts";

/** One file on tmpfs, 0600. It survives a restart of the agent and not one of the host. */
export class TmpfsWorkloadStore implements WorkloadStore {
  readonly #path: string;
  readonly #events: AgentEvents;

  private constructor(folder: string, events: AgentEvents) {
    this.#path = join(folder, "workloads.json");
    this.#events = events;
  }

  /** `undefined`, said in the log, when `folder` is not on a filesystem in memory: keys of workloads never reach a disk. */
  static async open(folder: string, events: AgentEvents): Promise<TmpfsWorkloadStore | undefined> {
    ensureFolder(folder);
    if (await isInMemory(folder)) return new TmpfsWorkloadStore(folder, events);
    events.stateNotPersisted(`${folder} is not on tmpfs`);
    return undefined;
  }

  async load(agentId: SpiffeId, nowMs: number): Promise<WorkloadState | undefined> {
    try {
      const text = await readFileBounded(this.#path, agentLimits.workloadStateBytes.value);
      if (text === undefined) return undefined;
      const state = decodeWorkloadState(text, nowMs);
      if (state.agentId.equals(agentId)) return state;
      this.#events.stateDiscarded("it belongs to another agent");
    } catch (error) {
      // It is only a cache: the server has all of it.
      this.#events.stateDiscarded(`it cannot be read: ${String(error)}`);
    }
    await this.wipe();
    return undefined;
  }

  async save(state: WorkloadState): Promise<void> {
    await replaceFile(this.#path, encodeWorkloadState(state));
  }

  async wipe(): Promise<void> {
    await removeFile(this.#path);
  }
}
