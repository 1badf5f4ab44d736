/** The store's thread: takes whatever requests wait, executes them as one transaction, answers them together. */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { serverLimits } from "../../../limits.ts";
import { type DataDirectory, openDataDirectory } from "../engine/data-directory.ts";
import { failureOf } from "../engine/failure.ts";
import type { SnapshotReader } from "../engine/snapshot-reader.ts";
import type { FromWorker, NumberedRequest, ToWorker, WorkerOptions } from "./worker-protocol.ts";

class StoreThread {
  readonly #port: MessagePort;
  readonly #directory: DataDirectory;
  readonly #waiting: NumberedRequest[] = [];
  readonly #snapshots = new Map<number, SnapshotReader>();

  constructor(port: MessagePort, directory: DataDirectory) {
    this.#port = port;
    this.#directory = directory;
    port.on("message", (message: ToWorker) => this.#receive(message));
  }

  #receive(first: ToWorker): void {
    let closing = this.#take(first);
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      closing = this.#take(next.message) || closing;
    }
    while (this.#waiting.length > 0) this.#commit();
    if (closing) this.#close();
  }

  /** True when the message asks to close. */
  #take(message: ToWorker): boolean {
    switch (message.kind) {
      case "requests":
        this.#waiting.push(...message.requests);
        return false;
      case "chunk":
        this.#sendChunk(message.id);
        return false;
      case "end-snapshot":
        this.#endSnapshot(message.id);
        return false;
      case "close":
        return true;
    }
  }

  #commit(): void {
    const group = this.#waiting.splice(0, serverLimits.storeGroupRequests.value);
    const answers = this.#directory.engine.execute(group.map(({ request }) => request));
    this.#send({
      kind: "answers",
      answers: group.flatMap(({ id }, index) => {
        const answer = answers[index];
        return answer === undefined ? [] : [{ id, answer }];
      }),
    });
  }

  #sendChunk(id: number): void {
    try {
      const open = this.#snapshots.get(id) ?? this.#directory.engine.snapshot();
      this.#snapshots.set(id, open);
      const chunk = open.next();
      if (chunk === undefined) this.#endSnapshot(id);
      this.#send({ kind: "chunk", id, position: open.position, chunk });
    } catch (error) {
      this.#endSnapshot(id);
      this.#send({ kind: "no-chunk", id, failure: failureOf(error) });
    }
  }

  #endSnapshot(id: number): void {
    this.#snapshots.get(id)?.[Symbol.dispose]();
    this.#snapshots.delete(id);
  }

  #close(): void {
    for (const id of [...this.#snapshots.keys()]) this.#endSnapshot(id);
    this.#directory.engine.close();
    this.#directory.unlock();
    this.#port.close();
  }

  #send(message: FromWorker): void {
    this.#port.postMessage(message);
  }
}

function start(port: MessagePort, options: WorkerOptions): void {
  const send = (message: FromWorker): void => port.postMessage(message);
  try {
    const directory = openDataDirectory(options);
    new StoreThread(port, directory);
    send({ kind: "opened" });
  } catch (error) {
    send({ kind: "not-opened", failure: failureOf(error) });
    port.close();
  }
}

if (parentPort === null) throw new Error("worker.ts runs in a worker thread only");
start(parentPort, workerData);
