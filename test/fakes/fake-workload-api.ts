import { encodeJwtSvidResponse, encodeValidateJwtSvidResponse } from "../../proto/workload/service-codec.ts";
import { encodeJwtBundles, encodeX509Bundles, encodeX509State } from "../../sdk/testing/encode-state.ts";
import { noIdentity, refusal } from "../../sdk/testing/refusal.ts";
import { type WorkloadAnswers, WorkloadServer } from "../../sdk/testing/workload-server.ts";
import { SpiffeBundle, type SpiffeId, type X509Svid } from "../../spiffe/index.ts";

export interface FakeUpdate {
  readonly svids: readonly X509Svid[];
  readonly bundles: readonly SpiffeBundle[];
}

/** A token that the test made; `claims` is what validation finds in it. */
export interface FakeToken {
  readonly id: SpiffeId;
  readonly token: string;
  readonly hint: string;
  readonly audience: readonly string[];
  readonly claims: Readonly<Record<string, string | number>>;
}

/** The testing kit's Workload API with every answer as the test wrote it, also such as no issuer would give. */
export class FakeWorkloadApi implements AsyncDisposable {
  readonly #server: WorkloadServer;
  readonly #script: Script;

  private constructor(server: WorkloadServer, script: Script) {
    this.#server = server;
    this.#script = script;
  }

  static async start(): Promise<FakeWorkloadApi> {
    const script = new Script();
    return new FakeWorkloadApi(await WorkloadServer.start(script), script);
  }

  get endpoint(): string {
    return this.#server.endpoint;
  }

  /** FetchX509SVID calls so far. */
  get calls(): number {
    return this.#server.calls("FetchX509SVID");
  }

  /** FetchJWTSVID calls so far. */
  get jwtCalls(): number {
    return this.#server.calls("FetchJWTSVID");
  }

  /** Given to those who ask for the audience, in this order; valid for it. */
  set tokens(tokens: readonly FakeToken[]) {
    this.#script.tokens = tokens;
  }

  get mint(): Script["mint"] {
    return this.#script.mint;
  }

  /** Mints for FetchJWTSVID in place of `tokens`; empty: denied. */
  set mint(mint: Script["mint"]) {
    this.#script.mint = mint;
  }

  /** What grpc.health.v1 answers. */
  set isServing(isServing: boolean) {
    this.#script.isServing = isServing;
  }

  update({ svids, bundles }: FakeUpdate): void {
    this.#answer(encodeX509State(svids, bundles));
  }

  /** What both bundle streams send from now on. */
  updateBundles(bundles: readonly SpiffeBundle[] | "denied"): void {
    this.#script.bundles = bundles;
    this.#server.changed();
  }

  /** Bytes in place of a response message. */
  sendRaw(bytes: Uint8Array): void {
    this.#answer(bytes);
  }

  deny(): void {
    this.#answer(denied());
  }

  refuseForGood(): void {
    this.#answer(refusal("invalidArgument", { message: "bad request", reason: "ERR_FAKE_INVALID" }));
  }

  /** The agent goes away: open streams break, nobody listens. */
  async disappear(): Promise<void> {
    await this.#server.stop();
  }

  async listen(): Promise<void> {
    await this.#server.listen();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.close();
  }

  #answer(x509: Uint8Array | Error): void {
    this.#script.x509 = x509;
    this.#server.changed();
  }
}

class Script implements WorkloadAnswers {
  x509: Uint8Array | Error = denied();
  bundles: readonly SpiffeBundle[] | "denied" | undefined;
  tokens: readonly FakeToken[] = [];
  mint:
    | ((audience: readonly string[], spiffeId: string) => readonly FakeToken[] | Promise<readonly FakeToken[]>)
    | undefined;
  isServing = true;

  state(method: Parameters<WorkloadAnswers["state"]>[0]): Uint8Array | undefined {
    if (method === "FetchX509SVID") {
      if (this.x509 instanceof Error) throw this.x509;
      return this.x509;
    }
    if (this.bundles === "denied") throw denied();
    if (this.bundles === undefined) return method === "FetchJWTBundles" ? this.#domainsOfTokens() : undefined;
    return method === "FetchX509Bundles" ? encodeX509Bundles(this.bundles) : encodeJwtBundles(this.bundles);
  }

  #domainsOfTokens(): Uint8Array | undefined {
    const domains = new Map(this.tokens.map(({ id }) => [id.trustDomain.name, id.trustDomain]));
    return domains.size === 0 ? undefined : encodeJwtBundles([...domains.values()].map(SpiffeBundle.empty));
  }

  async jwtSvids({ audience, spiffeId }: Parameters<WorkloadAnswers["jwtSvids"]>[0]): Promise<Uint8Array> {
    const svids =
      (await this.mint?.(audience, spiffeId)) ??
      this.tokens.filter(
        ({ id, audience: own }) =>
          audience.every((one) => own.includes(one)) && (spiffeId === "" || spiffeId === id.toString()),
      );
    if (svids.length === 0) throw denied();
    return encodeJwtSvidResponse(svids.map(({ id, token, hint }) => ({ spiffeId: id.toString(), svid: token, hint })));
  }

  validateJwtSvid({ audience, svid }: Parameters<WorkloadAnswers["validateJwtSvid"]>[0]): Uint8Array {
    const found = this.tokens.find(({ token, audience: own }) => token === svid && own.includes(audience));
    if (found === undefined)
      throw refusal("invalidArgument", { message: "the token is not valid", reason: "ERR_FAKE_INVALID" });
    return encodeValidateJwtSvidResponse({ spiffeId: found.id.toString(), claims: found.claims });
  }
}

function denied(): Error {
  return noIdentity({ reason: "ERR_FAKE_DENIED", fix: "create an entry" });
}
