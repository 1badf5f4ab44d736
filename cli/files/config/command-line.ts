/**
 * spiffe-helper's `cmd_args`: split at each space, except inside arguments that begin with a double quote; two double quotes
 * in such an argument stand for one. No shell rules apply.
 *
 * @throws Error when a quote does not end, or stands where it may not
 */
export function splitArguments(text: string): readonly string[] {
  const args: string[] = [];
  const pattern = /"((?:[^"]|"")*)"(?= |$)|([^" ][^ "]*|(?= |$))(?= |$)/y;
  for (let at = 0; at <= text.length && text !== ""; at = pattern.lastIndex + 1) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null) throw new Error(`a double quote is out of place at character ${at + 1}`);
    args.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? "");
  }
  return args;
}
