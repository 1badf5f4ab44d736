import { createHash } from "node:crypto";
import { type EntryDocument, identityOf } from "./document.ts";

// The only mark an entry can carry is its id, which clients may choose: an owner's entries have ids `<owner>.<name>`
// (docs/adr/0008-declared-entries.md).

const ownerForm = /^[A-Za-z0-9_-]{1,64}$/;
const nameForm = /^[A-Za-z0-9._-]{1,128}$/;

export function isOwner(text: string): boolean {
  return ownerForm.test(text);
}

export function isEntryName(text: string): boolean {
  return nameForm.test(text);
}

export function ownedId(owner: string, name: string): string {
  return `${owner}.${name}`;
}

/** For entries without a name: the same entry gets the same id on every machine; another identity is another entry. */
export function derivedName(document: EntryDocument): string {
  return createHash("sha256").update(identityOf(document)).digest("hex").slice(0, 32);
}

/** Whose an id is; ids that the server makes are nobody's. */
export function ownerOf(id: string): string | undefined {
  const dot = id.indexOf(".");
  return dot > 0 ? id.slice(0, dot) : undefined;
}
