import { defineErrors, type ErrorTable } from "../../../transport/index.ts";

/** Codes of finding out who calls. Each has a row in docs/errors.md. */
export const workloadAttestationErrors: ErrorTable<
  | "ERR_ATTESTATION_FAILED"
  | "ERR_ATTESTOR_TIMEOUT"
  | "ERR_EXECUTABLE_UNREADABLE"
  | "ERR_EXECUTABLE_TOO_LARGE"
  | "ERR_CALLER_MISMATCH"
  | "ERR_CALLER_GONE"
  | "ERR_CALLER_UNKNOWN"
> = defineErrors({
  ERR_ATTESTATION_FAILED: {
    status: "unavailable",
    meaning: "A workload attestor failed. Nothing is served on an incomplete set of selectors.",
    fix: "call again; the agent's log names the attestor and the cause",
  },
  ERR_ATTESTOR_TIMEOUT: {
    status: "unavailable",
    meaning: "A workload attestor did not answer in time.",
    fix: "call again; see what the attestor waits for in the agent's log, or give it more time",
  },
  ERR_EXECUTABLE_UNREADABLE: {
    status: "unavailable",
    meaning: "An entry here asks for unix:path or unix:sha256, and the agent may not read the caller's executable.",
    fix: "run the agent as root (or with CAP_SYS_PTRACE), or use no path and sha256 selectors on this agent",
  },
  ERR_EXECUTABLE_TOO_LARGE: {
    status: "unavailable",
    meaning: "An entry here asks for unix:sha256, and the caller's executable is larger than the configured limit.",
    fix: "raise the size limit of the unix attestor, or use no sha256 selectors on this agent",
  },
  ERR_CALLER_MISMATCH: {
    status: "permissionDenied",
    meaning:
      "The caller is not now who it was when it connected: user or groups in /proc differ, or its selectors changed.",
    fix: "connect after the process has changed its user, not before",
  },
  ERR_CALLER_GONE: {
    status: "permissionDenied",
    meaning: "The process that connected is gone; whoever holds its connection now is somebody else.",
    fix: "open a connection of your own",
  },
  ERR_CALLER_UNKNOWN: {
    status: "permissionDenied",
    meaning: "The caller is no process this agent can see: in another PID namespace, or not on a Unix socket.",
    fix: "let agent and workload share a PID namespace (hostPID), and call over the agent's Unix socket",
  },
});
