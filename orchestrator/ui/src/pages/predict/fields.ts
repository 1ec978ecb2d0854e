// What a model asks for, and what is typed for it as JSON. Numbers stay as they are typed: a 64-bit one has more digits than
// JavaScript keeps.
import type { Schema } from "../../api/types";

export type Field = Schema<"SignatureField">;

/** Texts by the names of fields. */
export type Texts = Record<string, string>;

/** Before the names of fields in the address, where other words stand too. */
const IN = "in.";

/** Keys and inputs, each once: a key can be an input too. */
export function fieldsOf({ entity_keys, inputs }: Schema<"Signature">): Field[] {
  return [...new Map([...entity_keys, ...inputs].map((field) => [field.name, field])).values()];
}

export function fromAddress(fields: readonly Field[], address: URLSearchParams): Texts {
  return Object.fromEntries(fields.map(({ name }) => [name, address.get(IN + name) ?? ""]));
}

/** What the address is to say; an empty field is left out of it. */
export function toAddress(texts: Texts): Record<string, string | null> {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [IN + name, text === "" ? null : text]));
}

const WHOLE = /^-?\d+$/;
const NUMBER = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;

/** What is wrong with a text, in words; none: nothing. */
export function mistake({ type }: Field, text: string): string | null {
  if (text === "") return null;
  if (type === "bool") return text === "true" || text === "false" ? null : "true or false";
  if (/^[iu]\d/.test(type)) return WHOLE.test(text) ? null : "A whole number";
  if (/^f\d/.test(type)) return NUMBER.test(text) ? null : "A number";
  if (type === "date") return /^\d{4}-\d\d-\d\d$/.test(text) ? null : "A date like 2013-02-16";
  if (type === "datetime") return Number.isNaN(Date.parse(text)) ? "An instant like 2013-02-16T12:00:00Z" : null;
  return null;
}

/** The body of a request. An empty field is null. */
export function bodyOf(fields: readonly Field[], texts: Texts): string {
  const entries = fields.map((field) => `  ${JSON.stringify(field.name)}: ${literal(field, texts[field.name] ?? "")}`);
  return `{\n${entries.join(",\n")}\n}`;
}

function literal({ type }: Field, text: string): string {
  if (text === "") return "null";
  // JSON knows no leading zeros.
  if (/^[iuf]\d/.test(type)) return text.replace(/^(-?)0+(?=\d)/, "$1");
  return type === "bool" ? text : JSON.stringify(text);
}

export interface ByHand {
  /** Empty for the unfit ones. */
  texts: Texts;
  /** Names of values that no text of a form stands for: lists, objects, and numbers whose digits are lost when they are read. */
  unfit: string[];
}

/** What a body that was written by hand holds; a mistake in words where it is no object. */
export function readBody(body: string): ByHand | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    return `This is not JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "Write one object: {\"name\": value, …}";
  const entries = Object.entries(value).map(([name, each]: [string, unknown]) => ({ name, each, fits: isPlain(each) }));
  return {
    texts: Object.fromEntries(entries.map(({ name, each, fits }) => [name, !fits || each === null ? "" : String(each)])),
    unfit: entries.filter(({ fits }) => !fits).map(({ name }) => name),
  };
}

function isPlain(value: unknown): boolean {
  if (typeof value === "number") return !Number.isInteger(value) || Number.isSafeInteger(value);
  return value === null || typeof value !== "object";
}
