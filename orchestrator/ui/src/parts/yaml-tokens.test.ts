import { expect, test } from "vitest";
import { yamlTokens } from "./yaml-tokens";

const seen = (...lines: string[]) => yamlTokens(lines).map((line) => line.filter(({ kind }) => kind !== "plain").map(({ kind, text }) => `${kind} ${text}`));

test("no sign of a line is lost", () => {
  const line = `  a: { b: "x # y", c: 'it''s', d: [1, -2.5, 30m], e: a-b#c } # note: "\${z}"`;
  expect(yamlTokens([line])[0]?.map(({ text }) => text).join("")).toBe(line);
});

test("keys, texts, values and notes", () => {
  expect(seen(`cron: "30 2 * * *" # nightly`, "attempts: 3", "name: a3")).toEqual([["key cron", "sign :", 'text "30 2 * * *"', "note # nightly"], ["key attempts", "sign :", "value 3"], ["key name", "sign :"]]);
});

test("what is put into a text stands out, and a text over lines is no YAML", () => {
  expect(seen('x: "to ${params.region}!"', "sql: |", "  SELECT a: 1", "y: 2")).toEqual([
    ["key x", "sign :", 'text "to ', "filled ${params.region}", 'text !"'], ["key sql", "sign :", "sign |"], ["text   SELECT a: 1"], ["key y", "sign :", "value 2"],
  ]);
});
