/** One thing wrong with the configuration, and where it was written. */
export interface ConfigProblem {
  /** `file:line:column`, `$ENVIRONMENT_VARIABLE` or `--flag`; "" for what is missing everywhere. */
  readonly where: string;
  /** Dotted key, or "" for the file as a whole. */
  readonly key: string;
  /** Lower case, no full stop. */
  readonly message: string;
}

export function describeProblem(problem: ConfigProblem): string {
  return [problem.where, problem.key, problem.message].filter((part) => part !== "").join(": ");
}

/** All problems of a configuration at once: whoever repairs it does so in one go. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "ERR_CONFIG_INVALID";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(["configuration refused", ...problems.map((problem) => `  ${describeProblem(problem)}`)].join("\n"));
    this.problems = problems;
  }
}
