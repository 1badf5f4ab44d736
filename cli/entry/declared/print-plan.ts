import { printable } from "../../output.ts";
import { documentOf, type EntryDocument } from "./document.ts";
import type { Plan } from "./plan.ts";

/** The differences for people: what is new in full, of what changes the fields that do. */
export function planText(plan: Plan): string {
  const lines: string[] = [];
  for (const { entry } of plan.create) lines.push(...whole("+ create", documentOf(entry)));
  for (const { entry, changes } of plan.update) {
    lines.push(head("~ update", documentOf(entry)));
    for (const { field, from, to } of changes) lines.push(`    ${field}: ${valueText(from)} → ${valueText(to)}`);
  }
  for (const document of plan.remove) lines.push(head("- delete", document));
  const counts = [
    `${plan.create.length} to create`,
    `${plan.update.length} to update`,
    `${plan.remove.length} to delete`,
    `${plan.unchanged} unchanged`,
  ];
  return [...lines, counts.join(", ")].join("\n");
}

export function planJson(plan: Plan): Readonly<Record<string, unknown>> {
  return {
    create: plan.create.map(({ entry }) => documentOf(entry)),
    update: plan.update.map(({ entry, changes }) => ({ id: entry.id, changes })),
    delete: plan.remove,
    unchanged: plan.unchanged,
  };
}

function head(verb: string, { id = "", spiffe_id }: EntryDocument): string {
  return `${verb} ${printable(id)}  ${printable(spiffe_id)}`;
}

function whole(verb: string, document: EntryDocument): readonly string[] {
  const { id: _id, spiffe_id: _spiffeId, ...rest } = document;
  return [head(verb, document), ...Object.entries(rest).map(([field, value]) => `    ${field}: ${valueText(value)}`)];
}

function valueText(value: unknown): string {
  if (value === undefined) return "default";
  return printable(typeof value === "string" ? value : Array.isArray(value) ? value.join(", ") : JSON.stringify(value));
}
