import type { SpiffeId, TrustDomain } from "../../spiffe/index.ts";
import { serverErrors } from "../errors.ts";

export type SvidProfile = "workload" | "agent" | "server";

/**
 * A last look at the id, after whoever decided that the caller may have it: nothing outside the trust domain, and
 * what lies under the reserved `/spire` only by the path of issuance it belongs to.
 * @throws ERR_SVID_ID_REFUSED
 */
export function checkSvidId(id: SpiffeId, trustDomain: TrustDomain, profile: SvidProfile): void {
  if (!id.isMemberOf(trustDomain)) throw refused("the id is not of this trust domain");
  if (!fits(id.path, profile)) throw refused(`the id is not one of a ${profile}`);
}

function fits(path: string, profile: SvidProfile): boolean {
  switch (profile) {
    case "workload":
      return path !== "" && path !== "/spire" && !path.startsWith("/spire/");
    case "agent":
      return path.startsWith("/spire/agent/");
    case "server":
      return path === "/spire/server";
  }
}

function refused(message: string): Error {
  return serverErrors.error("ERR_SVID_ID_REFUSED", message);
}
