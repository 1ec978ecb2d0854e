// What the server says of the single fields of a form, by JSON pointer, so that it stands where it can be mended.
import { ApiError } from "./client";

export interface FieldErrors {
  /** By pointer, such as `/params/rows`. */
  fields: Record<string, string>;
  /** The error itself, where something of it belongs to no field. */
  rest: Error | null;
}

export const NO_ERRORS: FieldErrors = { fields: {}, rest: null };

/** The errors of the fields that a form has; what it has no field for stays whole. */
export function fieldErrors(error: unknown, has: (pointer: string) => boolean): FieldErrors {
  const whole = error instanceof Error ? error : new Error(String(error));
  const items = error instanceof ApiError ? (error.problem?.errors ?? []) : [];
  const fields: Record<string, string> = {};
  let left = items.length === 0;
  for (const { pointer, hint } of items) {
    const field = pointer == null ? undefined : fieldOf(pointer, has);
    if (field === undefined) left = true;
    else fields[field] ??= hint;
  }
  return { fields, rest: left ? whole : null };
}

/** The field itself or the one that it is in: what is wrong within a map belongs to the map's field. */
function fieldOf(pointer: string, has: (pointer: string) => boolean): string | undefined {
  for (let at = pointer; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) if (has(at)) return at;
  return undefined;
}

/** The pointer of a parameter, as RFC 6901 writes a name that holds its signs. */
export function paramPointer(name: string): string {
  return `/params/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
