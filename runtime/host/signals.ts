export interface SignalHandlers {
  /** First SIGINT or SIGTERM. A second one ends the process at once with 128 + the signal's number. */
  stop(signal: "SIGINT" | "SIGTERM"): void;
  /** SIGHUP: read again what is safe to read again. */
  reload(): void;
}

/** Installs the handlers; the result removes them. */
export function handleSignals(handlers: SignalHandlers): () => void {
  let stopping = false;
  const onStop = (signal: NodeJS.Signals): void => {
    if (signal !== "SIGINT" && signal !== "SIGTERM") return;
    if (stopping) process.exit(signal === "SIGINT" ? 130 : 143);
    stopping = true;
    handlers.stop(signal);
  };
  const onReload = (): void => handlers.reload();
  process.on("SIGINT", onStop);
  process.on("SIGTERM", onStop);
  process.on("SIGHUP", onReload);
  return () => {
    process.off("SIGINT", onStop);
    process.off("SIGTERM", onStop);
    process.off("SIGHUP", onReload);
  };
}
