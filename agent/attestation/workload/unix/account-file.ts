/**
 * /etc/passwd and /etc/group: both are lines of `name:password:id:…`. Lines that do not fit are skipped as the C
 * library skips them; of several names for one id the first counts.
 */
export function parseAccountFile(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split("\n")) {
    // "+" and "-" begin NIS includes, which are no accounts of this file.
    if (/^[#+-]/.test(line)) continue;
    const [name, , idText, ...rest] = line.split(":");
    if (name === undefined || idText === undefined || rest.length === 0) continue;
    const id = parseId(idText);
    if (id === undefined || !isUsableName(name) || names.has(id)) continue;
    names.set(id, name);
  }
  return names;
}

const largestId = 0xffff_fffe; // 2^32-1 is "no id" to the kernel

function parseId(text: string): number | undefined {
  if (!/^[0-9]{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= largestId ? id : undefined;
}

/** U+FFFD stands for bytes that were no UTF-8: two such names could look alike. */
function isUsableName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  return name.length > 0 && name.length <= 256 && !/[\u0000-\u0020\u007f\ufffd]/.test(name);
}
