/** A template that cannot be used, found before any node comes. The message names the character, counted from 1. */
export class PathTemplateError extends Error {
  override readonly name = "PathTemplateError";

  constructor(problem: string, at: number) {
    super(`${problem} (at character ${at + 1})`);
  }
}
