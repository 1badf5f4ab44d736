export function unknownKey(nearest: string | undefined): string {
  return nearest === undefined ? "unknown setting" : `unknown setting, did you mean ${nearest}?`;
}
