/**
 * The rows of the conformance list, sections 8 and 9 (SPIFFE_Workload_Endpoint, SPIFFE_Workload_API), that bind a client
 * of the Workload API or whoever verifies with what it gave. Every one is claimed by a case, or has its reason here.
 */
export const clientRows: readonly string[] = [
  ...rows("WEP", "5, 9, 12-20, 25, 27, 29, 31, 35"),
  ...rows("WAPI", "5, 7-9, 15-17, 19, 21-23, 25, 30, 32-37, 39, 43-44, 47-48, 54, 57, 62-63, 68-72"),
  ...rows("WAPI", "74, 80, 82, 84-85, 87, 91-94, 97, 99"),
];

const noWit = "the WIT-SVID profile is optional and incubating; the client has none of its calls";

export const rowsWithoutCase: ReadonlyMap<string, string> = new Map(
  rows("WAPI", "74, 80, 82, 84-85, 87, 91-92").map((row) => [row, noWit]),
);

function rows(document: "WEP" | "WAPI", numbers: string): readonly string[] {
  return numbers.split(", ").flatMap((part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_none, index) => {
      return `${document}-${String(first + index).padStart(2, "0")}`;
    });
  });
}
