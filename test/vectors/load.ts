import { readFileSync } from "node:fs";

interface VectorFile<Case> {
  readonly about: string;
  readonly cases: readonly Case[];
}

/** The cases of a vector file beside this one. */
export function loadVectors<Case>(name: string): readonly Case[] {
  return loadVectorFile<Case>(name).cases;
}

/** A whole vector file; `Shared` is what all cases have in common. Fails without cases: an empty table must not pass. */
export function loadVectorFile<Case, Shared = unknown>(name: string): VectorFile<Case> & Shared {
  const file: VectorFile<Case> & Shared = JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
  if (file.cases.length === 0) throw new Error(`${name} has no cases`);
  return file;
}
