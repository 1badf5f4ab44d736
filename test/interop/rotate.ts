import type { System } from "../env/system.ts";

/** Has a new CA sign, and everything that the old one signed replaced; returns the old one's id. */
export async function rotateCa(system: System): Promise<string> {
  const { active } = await system.json("localauthority", "x509", "show");
  const old = authorityId(active);
  const prepared = authorityId((await system.json("localauthority", "x509", "prepare"))["prepared_authority"]);
  await system.cli("localauthority", "x509", "activate", "--authority-id", prepared);
  await system.cli("localauthority", "x509", "taint", "--authority-id", old);
  return old;
}

function authorityId(authority: unknown): string {
  if (typeof authority === "object" && authority !== null && "authority_id" in authority)
    return String(authority.authority_id);
  throw new Error(`no authority in ${JSON.stringify(authority)}`);
}

/** Takes a tainted CA out of the bundle, once nothing rests on it. */
export async function revoke(system: System, authority: string): Promise<void> {
  await system.cli("localauthority", "x509", "revoke", "--authority-id", authority, "--timeout", "60s");
}

export async function until(
  isSo: () => boolean | Promise<boolean>,
  { timeoutMs = 20_000, everyMs = 50 }: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
