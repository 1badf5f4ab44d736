import type { Clock } from "../../../../runtime/core/index.ts";
import { Selector } from "../../../../spiffe/index.ts";
import { type ProcessHandle, ServiceError } from "../../../../transport/index.ts";
import { agentLimits } from "../../../limits.ts";
import type { SelectorInterest, WorkloadAttestor, WorkloadCaller } from "../../../ports.ts";
import { workloadAttestationErrors } from "../errors.ts";
import { AccountNames } from "./account-names.ts";
import { ExecutableDigests } from "./executable-digests.ts";
import { executablePath } from "./executable-path.ts";
import { HashThread } from "./hash-thread.ts";
import { type ProcessCredentials, ProcessStatus, parseCredentialLines } from "./process-status.ts";
import { UserNamespace } from "./user-namespace.ts";

export interface UnixAttestorOptions {
  /** An executable larger than this is not hashed but refused. Default 1 GiB. */
  readonly maxExecutableBytes?: number;
  readonly passwdPath?: string;
  readonly groupPath?: string;
  readonly procRoot?: string;
}

interface Facts {
  readonly credentialLines: string;
  readonly credentials: ProcessCredentials;
  readonly path: string | undefined;
  readonly digest: string | undefined;
}

/** What was found last time, so that a caller that did not change costs three system calls and no allocation to speak of. */
interface Finding extends Facts {
  readonly namesVersion: number;
  readonly selectors: readonly Selector[];
}

/**
 * `unix` selectors: uid, user, gid, group, supplementary_gid, supplementary_group, path, sha256.
 *
 * uid, gid and groups are the kernel's record of who connected and must agree with /proc now. Names come from
 * /etc/passwd and /etc/group; an id without a name makes no name selector. `path` is made whenever it may be read,
 * `sha256` only when an entry on this agent asks for one; where an entry asks for either and the executable cannot be
 * read, the attestation fails. A caller in a user namespace of its own has neither: in there it decides itself what its
 * executable is called.
 *
 * @throws ServiceError ERR_CALLER_MISMATCH, ERR_CALLER_GONE, ERR_EXECUTABLE_UNREADABLE, ERR_EXECUTABLE_TOO_LARGE,
 *   ERR_ATTESTATION_FAILED
 */
export class UnixAttestor implements WorkloadAttestor, AsyncDisposable {
  readonly name = "unix";
  readonly #procRoot: string;
  readonly #status: ProcessStatus;
  readonly #userNamespace: UserNamespace;
  readonly #users: AccountNames;
  readonly #groups: AccountNames;
  readonly #thread: HashThread;
  readonly #digests: ExecutableDigests;
  readonly #findings = new WeakMap<ProcessHandle, Finding>();
  /** Selectors by the facts that make them. */
  readonly #known = new Map<string, readonly Selector[]>();

  constructor(clock: Clock, options: UnixAttestorOptions = {}) {
    const fileBytes = agentLimits.accountFileBytes.value;
    this.#procRoot = options.procRoot ?? "/proc";
    this.#status = new ProcessStatus(this.#procRoot, agentLimits.procStatusBytes.value);
    this.#userNamespace = new UserNamespace(this.#procRoot);
    this.#users = new AccountNames(options.passwdPath ?? "/etc/passwd", fileBytes, clock);
    this.#groups = new AccountNames(options.groupPath ?? "/etc/group", fileBytes, clock);
    this.#thread = new HashThread(clock);
    const digestOptions = {
      maxBytes: options.maxExecutableBytes ?? agentLimits.executableBytes.value,
      capacity: agentLimits.executableDigests.value,
      maxRunning: agentLimits.executableHashesWaiting.value,
    };
    this.#digests = new ExecutableDigests(this.#thread, digestOptions, clock);
  }

  /** The same array as last time for this process handle when nothing changed. Waits only for an executable's hash. */
  attest(caller: WorkloadCaller, wants: SelectorInterest): Promise<readonly Selector[]> | readonly Selector[] {
    const last = this.#findings.get(caller.process);
    const credentialLines = this.#credentialLines(caller);
    const credentials =
      last?.credentialLines === credentialLines ? last.credentials : this.#agreed(caller, credentialLines);
    const path = this.#path(caller, wants);
    const found = this.#digest(caller, wants);
    const facts = { credentialLines, credentials, path };
    if (typeof found !== "object") return this.#conclude(caller, { ...facts, digest: found });
    return found.then((digest) => {
      // Hashing took time, in which the process may have become another program or user.
      if (this.#isStill(caller, wants, credentialLines, path)) return this.#conclude(caller, { ...facts, digest });
      throw workloadAttestationErrors.error(
        "ERR_ATTESTATION_FAILED",
        "the calling process changed while it was attested",
      );
    });
  }

  #conclude(caller: WorkloadCaller, shown: Facts): readonly Selector[] {
    const isOurs = this.#userNamespace.holds(caller.pid);
    const facts = isOurs ? shown : { ...shown, path: undefined, digest: undefined };
    const namesVersion = this.#users.refresh() + this.#groups.refresh();
    const last = this.#findings.get(caller.process);
    if (
      last !== undefined &&
      last.credentials === facts.credentials &&
      last.path === facts.path &&
      last.digest === facts.digest &&
      last.namesVersion === namesVersion
    ) {
      return last.selectors;
    }
    const selectors = this.#selectorsOf(facts, namesVersion);
    this.#findings.set(caller.process, { ...facts, namesVersion, selectors });
    return selectors;
  }

  /** One array for all callers of whom the same is true now. */
  #selectorsOf({ credentialLines, credentials, path, digest }: Facts, namesVersion: number): readonly Selector[] {
    const key = JSON.stringify([credentialLines, path ?? 0, digest ?? 0, namesVersion]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= agentLimits.callerKinds.value) this.#known.clear();
    const selectors = this.#selectors(credentials, path, digest);
    this.#known.set(key, selectors);
    return selectors;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
  }

  #isStill(caller: WorkloadCaller, wants: SelectorInterest, lines: string, path: string | undefined): boolean {
    return this.#credentialLines(caller) === lines && this.#path(caller, wants) === path;
  }

  #credentialLines(caller: WorkloadCaller): string {
    try {
      return this.#status.credentialLines(caller.pid);
    } catch (error) {
      throw gone(caller, error) ?? failed("cannot read the status of the calling process", error);
    }
  }

  #agreed(caller: WorkloadCaller, lines: string): ProcessCredentials {
    const now = parsed(lines);
    if (now.uid !== caller.uid || now.gid !== caller.gid || !sameIds(now.groups, caller.groups)) {
      throw workloadAttestationErrors.error(
        "ERR_CALLER_MISMATCH",
        "the caller's user or groups are not those it connected with",
      );
    }
    if (now.groups.length > agentLimits.supplementaryGroups.value) {
      throw workloadAttestationErrors.error(
        "ERR_ATTESTATION_FAILED",
        "the caller is in more groups than the agent handles",
      );
    }
    return now;
  }

  #path(caller: WorkloadCaller, wants: SelectorInterest): string | undefined {
    try {
      return executablePath(this.#exe(caller));
    } catch (error) {
      const reason = gone(caller, error);
      if (reason !== undefined) throw reason;
      if (!wants.wantsSelector(this.name, "path:")) return undefined;
      throw unreadable(error);
    }
  }

  #digest(caller: WorkloadCaller, wants: SelectorInterest): Promise<string> | string | undefined {
    if (!wants.wantsSelector(this.name, "sha256:")) return undefined;
    try {
      return this.#digests.digestOf(this.#exe(caller));
    } catch (error) {
      if (error instanceof ServiceError) throw error;
      throw gone(caller, error) ?? unreadable(error);
    }
  }

  #exe(caller: WorkloadCaller): string {
    return `${this.#procRoot}/${caller.pid}/exe`;
  }

  #selectors(credentials: ProcessCredentials, path: string | undefined, digest: string | undefined): Selector[] {
    const values = [`uid:${credentials.uid}`, ...named("user", this.#users, credentials.uid)];
    values.push(`gid:${credentials.gid}`, ...named("group", this.#groups, credentials.gid));
    for (const gid of credentials.groups) {
      values.push(`supplementary_gid:${gid}`, ...named("supplementary_group", this.#groups, gid));
    }
    if (path !== undefined) values.push(`path:${path}`);
    if (digest !== undefined) values.push(`sha256:${digest}`);
    return values.map((value) => Selector.of(this.name, value));
  }
}

function named(kind: string, names: AccountNames, id: number): string[] {
  const name = names.nameOf(id);
  return name === undefined ? [] : [`${kind}:${name}`];
}

function parsed(lines: string): ProcessCredentials {
  try {
    return parseCredentialLines(lines);
  } catch (error) {
    throw failed("cannot read the status of the calling process", error);
  }
}

function sameIds(left: readonly number[], right: readonly number[]): boolean {
  const one = new Set(left);
  const other = new Set(right);
  return one.size === other.size && [...one].every((id) => other.has(id));
}

/** `undefined` while the process is there: then the failure has another cause. */
function gone(caller: WorkloadCaller, cause: unknown): Error | undefined {
  if (caller.process.isAlive()) return undefined;
  return workloadAttestationErrors.error("ERR_CALLER_GONE", "the calling process is gone", { cause });
}

function unreadable(cause: unknown): Error {
  return workloadAttestationErrors.error(
    "ERR_EXECUTABLE_UNREADABLE",
    "the agent may not read the caller's executable",
    { cause },
  );
}

function failed(message: string, cause: unknown): Error {
  return workloadAttestationErrors.error("ERR_ATTESTATION_FAILED", message, { cause });
}
