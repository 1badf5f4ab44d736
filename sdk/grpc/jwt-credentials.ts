import { CallCredentials, type ChannelCredentials, credentials, Metadata, status } from "@grpc/grpc-js";
import type { WithJwtSvidOptions } from "../jwt/with-jwt-svid.ts";
import type { JwtSource } from "../source/jwt-source.ts";
import { described } from "./described.ts";

/**
 * `channel` and on each call a JWT-SVID that is valid now, as `authorization: Bearer` (JWT-SVID §5.2). The channel may
 * be one of `grpcChannelCredentials` or any other with TLS. When there is no token a call fails with UNAVAILABLE, whose
 * details name the code.
 *
 * Not mere call credentials: given to a single call (`{ credentials }`), grpc-js sends those over a channel without TLS,
 * too; combined with a channel it takes a secure one only (JWT-SVID §7.3).
 *
 * @throws TypeError when `audience` is missing; Error when `channel` is insecure
 */
export function grpcJwtCredentials(
  channel: ChannelCredentials,
  source: JwtSource,
  options: WithJwtSvidOptions,
): ChannelCredentials {
  const { audience, spiffeId } = options;
  if (audience === undefined || audience.length === 0) throw new TypeError("grpcJwtCredentials needs an `audience`");
  const token = async (): Promise<Metadata> => {
    const svid = await source.svid({ audience, ...(spiffeId === undefined ? {} : { spiffeId }) });
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${svid.token.reveal()}`);
    return metadata;
  };
  const calls = CallCredentials.createFromMetadataGenerator((_call, done) => {
    token().then(
      (metadata) => done(null, metadata),
      (error: unknown) => done(Object.assign(described(error), { code: status.UNAVAILABLE })),
    );
  });
  return credentials.combineChannelCredentials(channel, calls);
}
