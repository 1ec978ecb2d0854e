// What is read from the fields of parameters, and what is refused before it is sent.
import { expect, test } from "vitest";
import { draftOf, type Param, readDraft } from "./params";

const rows: Param = { name: "rows", type: "integer", default: 40, min: 1, max: 100 };
const must: Param = { name: "must", type: "string" };
const tags: Param = { name: "tags", type: "list", default: ["a"] };
const city: Param = { name: "city", type: "string", enum: ["Rome", "Oslo"], default: "Rome" };

function read(param: Param, text: string) {
  const { params, errors } = readDraft([param], { [param.name]: text });
  return errors[param.name] ?? (param.name in params ? JSON.stringify(params[param.name]) : "default");
}

test("defaults stand in the fields and are not sent", () => {
  const params = [rows, tags, city];
  expect(draftOf(params)).toEqual({ rows: "40", tags: '["a"]', city: '"Rome"' });
  expect(readDraft(params, draftOf(params))).toEqual({ params: {}, errors: {} });
});

test("numbers are whole and within their bounds", () => {
  expect(read(rows, "7")).toBe("7");
  expect(read(rows, "")).toBe("default");
  expect(read(rows, "0")).toMatch(/at least 1/);
  expect(read(rows, "101")).toMatch(/at most 100/);
  for (const text of ["1.5", "x", "true", "9007199254740993"]) expect(read(rows, text)).toMatch(/whole number/);
});

test("what has no default has to be given", () => {
  expect(read(must, "")).toMatch(/give it a value/);
  expect(read(must, "x")).toBe('"x"');
});

test("lists and listed values are JSON", () => {
  expect(read(tags, "[1]")).toBe("[1]");
  expect(read(tags, "{}")).toMatch(/a list/);
  expect(read(city, '"Oslo"')).toBe('"Oslo"');
});
