/**
 * One RPC: its path and how its messages become bytes and back. All that `transport` needs of it; a codec of another
 * make (the SDK's) fits as well.
 */
export interface MethodDefinition<Request, Response, RequestOut = Request, ResponseOut = Response> {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: Request) => Uint8Array;
  /** Throws anything when the bytes are not such a message. */
  readonly requestDeserialize: (bytes: Buffer) => RequestOut;
  readonly responseSerialize: (value: Response) => Uint8Array;
  /** Throws anything when the bytes are not such a message. */
  readonly responseDeserialize: (bytes: Buffer) => ResponseOut;
}
