// Failures, the least covered files, and the total.
import { relative } from "node:path";

export default async function* reporter(source) {
  for await (const event of source) {
    if (event.type === "test:fail" && event.data.details?.error?.failureType !== "subtestsFailed") {
      yield `✖ ${event.data.file === undefined ? "?" : relative(process.cwd(), event.data.file)}: ${event.data.name}\n`;
    }
    if (event.type === "test:coverage") {
      const { files, totals } = event.data.summary;
      const worst = files
        .filter((file) => file.coveredLinePercent < 90)
        .sort((left, right) => left.coveredLinePercent - right.coveredLinePercent)
        .slice(0, 15);
      for (const file of worst) {
        yield `  ${file.coveredLinePercent.toFixed(1)} % ${relative(process.cwd(), file.path)}\n`;
      }
      yield `lines covered: ${totals.coveredLinePercent.toFixed(2)} % of ${totals.totalLineCount}\n`;
    }
  }
}
