import { type HclObject, type HclValue, isObject } from "./hcl.ts";

/** One setting of SPIRE's by its path, e.g. `plugins.KeyManager.disk.plugin_data.keys_path`. */
export interface SpireSetting {
  readonly path: string;
  readonly value: string | number | boolean | readonly string[];
  readonly line: number;
}

/** Every setting of a file, in its order. A block without settings is one by itself, with the value `true`. */
export function settingsOf(file: HclObject): readonly SpireSetting[] {
  return file.items.flatMap(({ key, labels, value, line }) => under([key, ...labels].join("."), value, line));
}

function under(path: string, value: HclValue, line: number): readonly SpireSetting[] {
  if (isObject(value)) return ofObject(path, value, line);
  if (typeof value !== "object") return [{ path, value, line }];
  const texts = value.filter((one) => typeof one !== "object");
  // In JSON, and as a list in HCL, a block is an object inside a list.
  const objects = value.filter((one) => typeof one === "object");
  return [
    ...(texts.length > 0 || objects.length === 0 ? [{ path, value: texts.map(String), line }] : []),
    ...objects.flatMap((one) => under(path, one, line)),
  ];
}

function ofObject(path: string, { items }: HclObject, line: number): readonly SpireSetting[] {
  if (items.length === 0) return [{ path, value: true, line }];
  return items.flatMap((item) => under([path, item.key, ...item.labels].join("."), item.value, item.line || line));
}
