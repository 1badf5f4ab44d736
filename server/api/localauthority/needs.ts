import type { AuthorityOperations } from "../../authority/ports.ts";

export interface LocalAuthorityNeeds {
  readonly localAuthorities: AuthorityOperations;
}

/** Of an RPC that exists for both kinds of authority: what its name calls the kind. */
export const kindNames = { x509: "X509", jwt: "JWT" } as const;

export const localAuthorityPath = "/spire.api.server.localauthority.v1.LocalAuthority";
