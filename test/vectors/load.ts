import { readFileSync } from "node:fs";

interface VectorFile<Case> {
  readonly about: string;
  readonly cases: readonly Case[];
}

/** The cases of a vector file beside this one. Fails when there is none: an empty table must not pass. */
export function loadVectors<Case>(name: string): readonly Case[] {
  const file: VectorFile<Case> = JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
  if (file.cases.length === 0) throw new Error(`${name} has no cases`);
  return file.cases;
}
