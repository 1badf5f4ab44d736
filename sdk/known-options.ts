import { UsageError } from "./usage-error.ts";

/**
 * For functions whose options are all ours: one that is misspelt, or that is not kept there, must not be taken in
 * silence.
 * @throws UsageError ERR_OPTION_UNKNOWN for an option that there is not, ERR_ARGUMENT_INVALID where there are no
 * options at all
 */
export function knownOptions(options: object, names: readonly string[], what: string): void {
  if (typeof options !== "object" || options === null) {
    throw new UsageError("ERR_ARGUMENT_INVALID", `${what} takes its options as an object`);
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new UsageError("ERR_OPTION_UNKNOWN", `${what} has no option \`${unknown}\`, but ${names.join(", ")}`);
}

/**
 * The source is the first argument of each function that makes connections; it is easily left out.
 * @throws UsageError ERR_ARGUMENT_INVALID
 */
export function checkSource(source: object, what: string, kind: keyof typeof marks = "X509Source"): void {
  if (typeof source === "object" && source !== null && marks[kind](source)) return;
  const fix = `open one and give it first: const source = await ${kind}.open()`;
  throw new UsageError("ERR_ARGUMENT_INVALID", `${what} takes a source, ${article(kind)} ${kind}, first`, { fix });
}

function article(kind: string): string {
  return kind.startsWith("X") ? "an" : "a";
}

/** What a source has that those of other kinds have not; it may be of another copy of this package. */
const marks = {
  X509Source: (source: object) => "svids" in source,
  JwtSource: (source: object) => "svid" in source && !("svids" in source),
  BundleSource: (source: object) => "validateJwtSvid" in source,
};
