import { CallCredentials, type ChannelCredentials, credentials, Metadata, status } from "@grpc/grpc-js";
import { readAudiences } from "../arguments.ts";
import type { WithJwtSvidOptions } from "../jwt/with-jwt-svid.ts";
import { checkSource, knownOptions } from "../known-options.ts";
import type { JwtSource } from "../source/jwt-source.ts";
import { described } from "./described.ts";

/**
 * `channel` and on each call a JWT-SVID that is valid now, as `authorization: Bearer` (JWT-SVID §5.2). The channel may
 * be one of `grpcChannelCredentials` or any other with TLS. When there is no token a call fails with UNAVAILABLE, whose
 * details name the code.
 *
 * Not mere call credentials: given to a single call (`{ credentials }`), grpc-js sends those over a channel without
 * TLS, too; combined with a channel it takes a secure one only (JWT-SVID §7.3).
 *
 * @throws UsageError ERR_AUDIENCE_MISSING, ERR_OPTION_UNKNOWN, ERR_ARGUMENT_INVALID; Error when `channel` is insecure
 */
export function grpcJwtCredentials(
  channel: ChannelCredentials,
  source: JwtSource,
  options: WithJwtSvidOptions,
): ChannelCredentials {
  checkSource(source, "grpcJwtCredentials", "JwtSource");
  knownOptions(options, ["audience", "spiffeId"], "grpcJwtCredentials");
  const { audience, spiffeId } = options;
  readAudiences(audience, "grpcJwtCredentials");
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
