export { BundleMap, type ParsedBundleMap, type SkippedKeyOf } from "./bundle/bundle-map.ts";
export { JwtAuthority, type JwtAuthorityParts } from "./bundle/jwt-authority.ts";
export type { SkippedKey, SkipReason } from "./bundle/read-jwks.ts";
export {
  type ParsedBundle,
  SpiffeBundle,
  type SpiffeBundleParts,
  type X509Authority,
  type X509AuthorityParts,
} from "./bundle/spiffe-bundle.ts";
export { decodeBase64, encodeBase64 } from "./encoding/base64.ts";
export {
  isJsonArray,
  isJsonObject,
  type JsonObject,
  JsonSyntaxError,
  type JsonValue,
  parseJson,
} from "./encoding/json.ts";
export {
  type EndpointAddress,
  type EndpointKind,
  parseEndpointAddress,
  resolveEndpointAddress,
} from "./endpoint-address.ts";
export { SpiffeError, type SpiffeErrorCode, type SpiffeErrorSpec, spiffeErrorSpecs } from "./errors.ts";
export { SpiffeId, TrustDomain } from "./id/spiffe-id.ts";
export { spiffeLimits } from "./limits.ts";
export { compareSelectors, Selector, sortSelectors } from "./selector.ts";
export type { BundleSource } from "./svid/bundle-source.ts";
export type { JwtSvidAlgorithm } from "./svid/jwt/algorithm.ts";
export { type EncodeJwtSvidOptions, encodeJwtSvid, type JwtSvidClaims, joinJws } from "./svid/jwt/encode.ts";
export { type ClaimValue, parseJwtSvid, type UnverifiedJwtSvid } from "./svid/jwt/parse.ts";
export { type VerifiedJwtSvid, type VerifyJwtSvidOptions, verifyJwtSvid } from "./svid/jwt/verify.ts";
export { type ChainInput, parseCertificates } from "./svid/x509/chain.ts";
export { checkLeaf } from "./svid/x509/leaf.ts";
export { type VerifiedX509Svid, type VerifyX509SvidOptions, verifyX509Svid } from "./svid/x509/verify.ts";
export { type ParseX509SvidOptions, X509Svid, type X509SvidOptions } from "./svid/x509/x509-svid.ts";
