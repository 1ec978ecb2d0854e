// Values of features, inputs and labels as texts.

/** `0.2201`, `1,234`, `ORD`, `null`; numbers in five significant digits. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : Number(value.toPrecision(5)).toString();
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Every digit of it, for the tooltip. */
export function whole(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "null";
}
