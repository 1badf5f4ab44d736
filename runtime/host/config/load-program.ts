import { ConfigError, type ConfigProblem } from "./problems.ts";
import { loadSettings, type SettingSources, type SettingsTable, type SettingValues } from "./settings.ts";
import { openSettingsFile, type SettingsFile } from "./settings-file.ts";

export interface ProgramSettings<Table extends SettingsTable> {
  readonly table: Table;
  /** E.g. `COUNTERSIGN_SERVER_`. */
  readonly envPrefix: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `--config`; else the variable of that name says which file. */
  readonly configFlag: string | undefined;
  /** Reads the file, where it may be of another form than ours. */
  readonly openFile?: (path: string, problems: ConfigProblem[]) => Promise<SettingsFile | undefined>;
  readonly flags: SettingSources["flags"];
  /** What was wrong with the flags before they became settings. */
  readonly flagProblems: readonly ConfigProblem[];
  /** Rules between settings. */
  readonly rules?: (values: SettingValues<Table>) => readonly ConfigProblem[];
}

/**
 * The settings of a daemon: file (`--config` or `…_CONFIG`), environment and flags, in that order of precedence from low to
 * high. `…_SOCKET`, which tells the CLI where the socket is, tells the daemon where to make it when none of the three
 * does.
 *
 * @throws ConfigError naming every problem of every source.
 */
export async function loadProgramSettings<const Table extends SettingsTable>(
  program: ProgramSettings<Table>,
): Promise<SettingValues<Table>> {
  const { table, envPrefix, flags, rules, openFile = openSettingsFile } = program;
  const problems: ConfigProblem[] = [...program.flagProblems];
  const { [`${envPrefix}CONFIG`]: configVariable, [`${envPrefix}SOCKET`]: socketVariable, ...env } = program.env;
  const fallbacks =
    socketVariable === undefined ? {} : { socket_path: { where: `$${envPrefix}SOCKET`, value: socketVariable } };
  const path = program.configFlag ?? configVariable;
  const file = path === undefined ? undefined : await openFile(path, problems);
  try {
    const values = loadSettings(table, { file, fallbacks, env, envPrefix, flags });
    problems.push(...(rules?.(values) ?? []));
    if (problems.length === 0) return values;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  // What is missing may well be in the file that could not be read.
  const isUnread = problems.some(({ where, key }) => key === "" && path !== undefined && where.startsWith(path));
  throw new ConfigError(isUnread ? problems.filter(({ where }) => where !== "") : problems);
}
