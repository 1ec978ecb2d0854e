// What is typed becomes JSON without a digit lost, and comes back from the address.
import { describe, expect, it } from "vitest";
import { bodyOf, type Field, fieldsOf, fromAddress, mistake, readBody, toAddress } from "./fields";

const FIELDS: Field[] = [{ name: "n", type: "i64" }, { name: "x", type: "f64" }, { name: "ok", type: "bool" }, { name: "who", type: "str" }];

describe("fields of a model", () => {
  it("are there once, though a key is an input too", () => {
    const signature = { entity_keys: [{ name: "a", type: "str" }], inputs: [{ name: "a", type: "str" }, { name: "b", type: "i32" }], features: [], derived: [], missing: "impute", target: "probability" } as const;
    expect(fieldsOf({ ...signature, entity_keys: [...signature.entity_keys], inputs: [...signature.inputs], features: [], derived: [] }).map(({ name }) => name)).toEqual(["a", "b"]);
  });
  it("keep every digit, and what is empty is null", () => {
    const body = bodyOf(FIELDS, { n: "9223372036854775807", x: "007.5", ok: "true", who: "" });
    expect(body).toContain('"n": 9223372036854775807');
    expect(JSON.parse(body)).toMatchObject({ x: 7.5, ok: true, who: null });
  });
  it("say what is wrong with a text", () => {
    const of = (type: Field["type"], text: string) => mistake({ name: "f", type }, text);
    expect([of("i32", "1.5"), of("f32", "1e-3"), of("bool", "yes"), of("date", "2013-2-1"), of("str", "anything"), of("u8", "")]).toEqual(["A whole number", null, "true or false", "A date like 2013-02-16", null, null]);
  });
  it("come back from the address", () => {
    const texts = { n: "1", x: "", ok: "true", who: "a&b=c" };
    const given = Object.entries(toAddress(texts)).filter((entry): entry is [string, string] => entry[1] !== null);
    expect(fromAddress(FIELDS, new URLSearchParams(given))).toEqual(texts);
  });
  it("are read from JSON by hand, or say why not", () => {
    expect(readBody('{"n": 1, "who": null}')).toEqual({ texts: { n: "1", who: "" }, unfit: [] });
    expect(readBody("[1]")).toMatch(/one object/);
    expect(readBody("{")).toMatch(/not JSON/);
  });
  it("stay as JSON where a text would not say the same", () => {
    const body = '{"n": 9223372036854775807, "x": 0.5, "who": {"a": 1}, "all": [1]}';
    expect(readBody(body)).toEqual({ texts: { n: "", x: "0.5", who: "", all: "" }, unfit: ["n", "who", "all"] });
  });
});
