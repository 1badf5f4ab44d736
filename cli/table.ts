import Table from "cli-table3";
import picocolors from "picocolors";
import { printable, type Terminal } from "./output.ts";

const noLines = {
  ...{ top: "", "top-mid": "", "top-left": "", "top-right": "" },
  ...{ bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "" },
  ...{ mid: "", "mid-mid": "", left: "", "left-mid": "", right: "", "right-mid": "", middle: "  " },
};

/** A table without lines, one row of text per row, so that `grep` and `awk` can read it. */
export function table(terminal: Terminal, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const { bold } = picocolors.createColors(terminal.colors);
  const result = new Table({
    head: head.map(bold),
    chars: noLines,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  result.push(...rows.map((row) => row.map(printable)));
  return result
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
