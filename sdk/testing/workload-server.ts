import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwtSvidRequest, decodeValidateJwtSvidRequest } from "../../proto/workload/service-codec.ts";
import { type CallHandler, GrpcServer, type ServedCall } from "./grpc-server.ts";
import { refusal } from "./refusal.ts";

/** The RPCs of the Workload API (SPIFFE_Workload_API; the WIT profile is not served). */
export type WorkloadApiMethod =
  | "FetchX509SVID"
  | "FetchX509Bundles"
  | "FetchJWTSVID"
  | "FetchJWTBundles"
  | "ValidateJWTSVID";

type StreamMethod = "FetchX509SVID" | "FetchX509Bundles" | "FetchJWTBundles";

/**
 * What a Workload API answers now: encoded messages. A `ServiceError` that is thrown goes to the caller as its status;
 * `undefined` lets the caller of a stream wait.
 */
export interface WorkloadAnswers {
  state(method: StreamMethod): Uint8Array | undefined;
  jwtSvids(request: ReturnType<typeof decodeJwtSvidRequest>): Uint8Array | Promise<Uint8Array>;
  validateJwtSvid(request: ReturnType<typeof decodeValidateJwtSvidRequest>): Uint8Array | Promise<Uint8Array>;
  /** What grpc.health.v1 says. */
  readonly isServing: boolean;
}

/** Longer socket paths than this do not fit into the kernel's address on every system. */
const longestSocketPath = 100;

/** A Workload API on a socket of its own: streams get the state at once and each one that differs from the last. */
export class WorkloadServer {
  readonly #answers: WorkloadAnswers;
  readonly #server: GrpcServer;
  readonly #folder: string | undefined;
  readonly #calls = new Map<WorkloadApiMethod, number>();
  readonly #waiting = new Set<() => void>();
  #port = 0;

  private constructor(answers: WorkloadAnswers, kind: "unix" | "tcp") {
    this.#answers = answers;
    this.#folder = kind === "unix" ? mkdtempSync(join(shortFolder(), "w-")) : undefined;
    this.#server = new GrpcServer(
      new Map<string, CallHandler>([
        ...(["FetchX509SVID", "FetchX509Bundles", "FetchJWTBundles"] as const).map(
          (method) => [pathOf(method), (call: ServedCall) => this.#stream(method, call)] as const,
        ),
        [pathOf("FetchJWTSVID"), (call) => this.#unary("FetchJWTSVID", call, (bytes) => this.#jwtSvids(bytes))],
        [pathOf("ValidateJWTSVID"), (call) => this.#unary("ValidateJWTSVID", call, (bytes) => this.#validate(bytes))],
        ["/grpc.health.v1.Health/Check", async (call) => call.send(Uint8Array.of(8, this.#answers.isServing ? 1 : 2))],
      ]),
    );
  }

  static async start(answers: WorkloadAnswers, kind: "unix" | "tcp" = "unix"): Promise<WorkloadServer> {
    const server = new WorkloadServer(answers, kind);
    await server.listen();
    return server;
  }

  /** As in `SPIFFE_ENDPOINT_SOCKET`; the same for the whole life. */
  get endpoint(): string {
    return this.#folder === undefined ? `tcp://127.0.0.1:${this.#port}` : `unix://${this.#socket}`;
  }

  /** Calls of `method` so far. */
  calls(method: WorkloadApiMethod): number {
    return this.#calls.get(method) ?? 0;
  }

  /** The state is another now: open streams are told. */
  changed(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  async listen(): Promise<void> {
    this.#port = await this.#server.listen(
      this.#folder === undefined
        ? { kind: "tcp", host: "127.0.0.1", port: this.#port }
        : { kind: "unix", path: this.#socket },
    );
  }

  disconnect(): void {
    this.#server.disconnect();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  /** Leaves no file. Idempotent. */
  async close(): Promise<void> {
    await this.stop();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  get #socket(): string {
    return `${this.#folder}/api.sock`;
  }

  async #stream(method: StreamMethod, call: ServedCall): Promise<void> {
    this.#count(method, call);
    let sent: Uint8Array | undefined;
    while (!call.signal.aborted) {
      const changed = this.#change(call.signal);
      const state = this.#answers.state(method);
      if (state !== undefined && (sent === undefined || Buffer.compare(state, sent) !== 0)) {
        call.send(state);
        sent = state;
      }
      await changed;
    }
  }

  async #unary(
    method: WorkloadApiMethod,
    call: ServedCall,
    answer: (request: Buffer) => Uint8Array | Promise<Uint8Array>,
  ): Promise<void> {
    this.#count(method, call);
    call.send(await answer(call.request));
  }

  #jwtSvids(bytes: Buffer): Uint8Array | Promise<Uint8Array> {
    const request = decodeJwtSvidRequest(bytes);
    if (request.audience.length === 0 || request.audience.includes("")) {
      throw refusal("invalidArgument", { message: "an audience is needed", reason: "ERR_AUDIENCE_REQUIRED" });
    }
    return this.#answers.jwtSvids(request);
  }

  #validate(bytes: Buffer): Uint8Array | Promise<Uint8Array> {
    const request = decodeValidateJwtSvidRequest(bytes);
    if (request.audience === "") {
      throw refusal("invalidArgument", { message: "an audience is needed", reason: "ERR_AUDIENCE_REQUIRED" });
    }
    if (request.svid === "") {
      throw refusal("invalidArgument", { message: "a token is needed", reason: "ERR_SVID_REQUIRED" });
    }
    return this.#answers.validateJwtSvid(request);
  }

  /** Refused ones do not count (WEP-10). */
  #count(method: WorkloadApiMethod, call: ServedCall): void {
    if (call.metadata("workload.spiffe.io").join() !== "true") {
      const message = "the call has no metadata workload.spiffe.io: true";
      throw refusal("invalidArgument", { message, reason: "ERR_SECURITY_HEADER" });
    }
    this.#calls.set(method, this.calls(method) + 1);
  }

  /** Resolves at the next change, or when the call is over. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}

function pathOf(method: WorkloadApiMethod): string {
  return `/SpiffeWorkloadAPI/${method}`;
}

function shortFolder(): string {
  const usual = tmpdir();
  return Buffer.byteLength(`${usual}/w-123456/api.sock`) <= longestSocketPath ? usual : "/tmp";
}
