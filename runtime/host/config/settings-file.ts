import { readFile } from "node:fs/promises";
import type { ConfigProblem } from "./problems.ts";
import type { KnownKeys, YamlReading } from "./yaml-source.ts";

/** A configuration file, read but not yet understood. */
export interface SettingsFile {
  read(known: KnownKeys): YamlReading;
}

/** Reads the file; one that cannot be read is a problem like any other. */
export async function openSettingsFile(path: string, problems: ConfigProblem[]): Promise<SettingsFile | undefined> {
  try {
    return await settingsFile(path, await readFile(path, "utf8"));
  } catch (error) {
    problems.push({ where: path, key: "", message: error instanceof Error ? error.message : "cannot be read" });
    return undefined;
  }
}

/** The YAML library is loaded only for those who have a file: it costs 10 MB. */
async function settingsFile(path: string, text: string): Promise<SettingsFile> {
  const { readYaml } = await import("./yaml-source.ts");
  return { read: (known) => readYaml(path, text, known) };
}
