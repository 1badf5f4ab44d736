import type { AuthorityRecord } from "../domain/authority.ts";

/** P-256 public keys (x, y) whose private halves stand in documents that people copy from. */
const published: readonly (readonly [where: string, x: string, y: string])[] = [
  ["RFC 6979 §A.2.5", "YP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Y", "eQP-EAi4vJmkGunpVii8ZPLxsgwtfp9Rd6PClNRGIpk"],
  ["RFC 7515 §A.3.1", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"],
  ["RFC 7517 §A.2", "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"],
  ["private key 1", "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"],
];

const p256Prefix = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d03010703420004", "hex");

const publishedSpki: readonly string[] = published.map(([, x, y]) =>
  Buffer.concat([p256Prefix, Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]).toString("base64"),
);

/**
 * Base64 SPKI of keys that are never certified: published ones, and those of every authority known, since a workload
 * that holds one could sign for others.
 */
export function blockedKeys(authorities: Iterable<AuthorityRecord>): ReadonlySet<string> {
  const blocked = new Set(publishedSpki);
  for (const { publicKey } of authorities) {
    if (publicKey.length > 0) blocked.add(Buffer.from(publicKey).toString("base64"));
  }
  return blocked;
}
