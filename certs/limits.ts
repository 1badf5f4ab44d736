interface Limit {
  readonly value: number;
  readonly reason: string;
}

/** Every bound of this library, with its reason; docs/limits.md is checked against it. */
export const certsLimits = {
  derBytes: {
    value: 1_048_576,
    reason: "largest single DER object the reader accepts unless its kind has a tighter bound",
  },
  derDepth: { value: 16, reason: "a certificate nests 8 levels deep; twice that leaves room and keeps recursion flat" },
  derListItems: { value: 1024, reason: "SET OF and SEQUENCE OF lists that have no tighter bound of their own" },
  oidBytes: { value: 64, reason: "a UUID-based OID takes 20 bytes; longer ones only cost time" },
  certificateBytes: { value: 65_536, reason: "an SVID has 1 KB; room for many DNS names or post-quantum keys" },
  csrBytes: { value: 16_384, reason: "a request of ours has 300 bytes; RSA-4096 with many names stays under 8 KB" },
  keyBytes: { value: 8_192, reason: "an RSA-4096 private key has 2.4 KB" },
  extensions: { value: 32, reason: "certificates in the wild carry at most a dozen" },
  generalNames: { value: 512, reason: "names in one subjectAltName; public CAs stop at 100–250" },
  keyPurposes: { value: 64, reason: "entries of an extendedKeyUsage; two are usual" },
  nameAttributes: { value: 32, reason: "relative names in a DN, and attributes in one of them; eight are usual" },
  nameConstraintSubtrees: {
    value: 64,
    reason: "subtrees in a nameConstraints extension; each is compared with each name",
  },
  serialBytes: { value: 20, reason: "RFC 5280 §4.1.2.2" },
  uriBytes: { value: 2_048, reason: "SPIFFE-ID §2.3: longest SPIFFE ID that is supported" },
  dnsNameBytes: { value: 253, reason: "RFC 1035 §2.3.4" },
  commonNameChars: { value: 64, reason: "RFC 5280 appendix A, ub-common-name" },
  chainDepth: { value: 8, reason: "certificates from leaf to anchor; nested SPIRE servers use three or four" },
  chainIntermediates: {
    value: 16,
    reason: "presented by the peer before it is known; twice the depth covers cross-signed authorities",
  },
  chainRoots: { value: 512, reason: "trust anchors of one bundle; a rotating trust domain has two" },
  chainSignatureChecks: { value: 20, reason: "a P-384 check takes 0.7 ms: a hostile chain costs at most 14 ms" },
  chainPaths: {
    value: 16,
    reason: "paths of one certificate when all are asked for; a cross-signed authority gives two",
  },
  pemBytes: { value: 4_194_304, reason: "a system bundle of 150 roots has 220 KB" },
  pemBlocks: { value: 1024, reason: "more than any bundle file holds" },
} as const satisfies Readonly<Record<string, Limit>>;
