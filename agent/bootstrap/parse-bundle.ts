import { parsePemCertificates } from "../../certs/index.ts";
import { SpiffeBundle, type TrustDomain } from "../../spiffe/index.ts";
import { agentErrors } from "../errors.ts";

/**
 * A bootstrap bundle in either form, told apart by its first character: PEM certificates, or a SPIFFE bundle document.
 *
 * @throws ServiceError `ERR_BOOTSTRAP_BUNDLE` when it is neither, or has no X.509 authority
 */
export function parseBootstrapBundle(trustDomain: TrustDomain, text: string, from: string): SpiffeBundle {
  let bundle: SpiffeBundle;
  try {
    bundle = text.trimStart().startsWith("{")
      ? SpiffeBundle.parseJwks(trustDomain, text).bundle
      : SpiffeBundle.of(trustDomain, {
          x509Authorities: parsePemCertificates(text).map((certificate) => ({ certificate })),
        });
  } catch (cause) {
    throw agentErrors.error("ERR_BOOTSTRAP_BUNDLE", `the bootstrap bundle from ${from} cannot be read`, { cause });
  }
  if (bundle.x509Authorities.length === 0) {
    throw agentErrors.error("ERR_BOOTSTRAP_BUNDLE", `the bootstrap bundle from ${from} has no X.509 authority`);
  }
  return bundle;
}
