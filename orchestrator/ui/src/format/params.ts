// Values of a DAG's parameters between the texts that people type and the JSON that is sent. The server checks again.
import type { Schema } from "../api/types";

export type Param = Schema<"ParamView">;
/** What stands in the fields, by name of the parameter. */
export type Draft = Record<string, string>;

/** A map of any values: the API's document says no more of it than that. */
export type Values = NonNullable<Schema<"TriggerRequest">["params"]>;

export interface Read {
  /** What differs from the defaults. */
  params: Values;
  /** What is wrong, by name of the parameter. */
  errors: Record<string, string>;
}

/** The fields as they are at first: the defaults. */
export function draftOf(params: readonly Param[]): Draft {
  return Object.fromEntries(params.map((param) => [param.name, textOf(param, param.default)]));
}

/** Reads all fields. */
export function readDraft(params: readonly Param[], draft: Draft): Read {
  const read: Read = { params: {}, errors: {} };
  for (const param of params) {
    const text = draft[param.name] ?? "";
    try {
      const value = valueOf(param, text);
      if (value !== undefined && !same(value, param.default)) read.params[param.name] = value as never;
    } catch (error) {
      read.errors[param.name] = error instanceof Error ? error.message : String(error);
    }
  }
  return read;
}

/** What may be given, in words: `a whole number, 1 to 90`. */
export function wordsOf({ type, min, max }: Param): string {
  const bounds = [min == null ? "" : `at least ${shown(min)}`, max == null ? "" : `at most ${shown(max)}`].filter(Boolean).join(", ");
  return bounds === "" ? TYPES[type] : `${TYPES[type]}, ${bounds}`;
}

const TYPES: Record<Param["type"], string> = {
  string: "a text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  list: "a list as JSON: [1, 2]",
  map: 'a map as JSON: {"key": 1}',
};

/** The values of a list of them are written as JSON, so that `1` and `"1"` stay apart. */
export function textOf({ type, enum: listed }: Param, value: unknown): string {
  if (value == null) return "";
  if (typeof value === "string" && type === "string" && listed === undefined) return value;
  const short = JSON.stringify(value);
  return short.length > 60 ? JSON.stringify(value, null, 2) : short;
}

function valueOf(param: Param, text: string): unknown {
  const missing = param.default == null;
  if (text.trim() === "" && (param.type !== "string" || missing || param.enum !== undefined)) {
    if (missing) throw new Error("It has no default: give it a value.");
    return undefined;
  }
  if (param.type === "string" && param.enum === undefined) return text;
  const value = parsed(param, text.trim());
  const number = typeof value === "number" ? value : null;
  if (number !== null && param.min != null && number < Number(param.min)) throw new Error(`It must be at least ${shown(param.min)}.`);
  if (number !== null && param.max != null && number > Number(param.max)) throw new Error(`It must be at most ${shown(param.max)}.`);
  return value;
}

function parsed({ type }: Param, text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const fits: Record<Param["type"], boolean> = {
    string: typeof value === "string",
    // Beyond this, numbers of a browser are not the ones that were typed.
    integer: Number.isSafeInteger(value),
    number: typeof value === "number",
    boolean: typeof value === "boolean",
    list: Array.isArray(value),
    map: typeof value === "object" && value !== null && !Array.isArray(value),
  };
  if (!fits[type]) throw new Error(`It must be ${TYPES[type]}.`);
  return value;
}

function shown(bound: unknown): string {
  return typeof bound === "number" ? bound.toLocaleString("en", { maximumFractionDigits: 12 }) : String(bound);
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
