/**
 * For factories whose options are all ours: one that is misspelt, or that is not kept there, must not be taken in silence.
 * @throws TypeError for an option that there is not
 */
export function knownOptions(options: object, names: readonly string[], factory: string): void {
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new TypeError(`${factory} has no option \`${unknown}\`, but ${names.join(", ")}`);
}
