/** The agent's half of a node attestor: what it shows the server to prove which node this is. */
export interface NodeAttestor {
  /** Name on the wire, e.g. `join_token`. */
  readonly type: string;
  /** The same proof may be shown again; a join token may not. */
  readonly isReusable: boolean;
  /**
   * The proof as it is now; asked anew for each attempt.
   *
   * @throws ServiceError `ERR_JOIN_TOKEN_UNREADABLE`, `ERR_X509POP_FILES` when there is none
   */
  prepare(): Promise<NodeProof>;
}

export interface NodeProof {
  readonly payload: Uint8Array;
  answer(challenge: Uint8Array): Promise<Uint8Array>;
}
