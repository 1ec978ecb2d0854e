import { expect, test } from "vitest";
import { differences } from "./diff-lines";

const file = (path: string, text: string) => ({ path, text });

test("files that came, went and changed, in order of path", () => {
  const found = differences([file("b", "x\n"), file("c", "same\n"), file("d", "1\n2\n")], [file("a", "y\n"), file("c", "same\n"), file("d", "1\n3\n")]);
  expect(found.map(({ path, change, added, removed }) => [path, change, added, removed])).toEqual([["a", "added", 1, 0], ["b", "removed", 0, 1], ["d", "changed", 1, 1]]);
});

test("within a changed line only the words that differ are marked", () => {
  const [{ hunks } = { hunks: null }] = differences([file("a", "timeout: 30m # long\n")], [file("a", "timeout: 45m # long\n")]);
  const marked = hunks?.flat().map(({ sign, pieces }) => [sign, pieces.filter(({ differs }) => differs).map(({ text }) => text)]);
  expect(marked).toEqual([["-", ["30m"]], ["+", ["45m"]]]);
});

test("lines have the numbers of their side, and a missing last line feed is no line", () => {
  const [{ hunks } = { hunks: null }] = differences([file("a", "1\n2")], [file("a", "1\n2\n3")]);
  expect(hunks?.flat().map(({ sign, before, after }) => [sign, before, after])).toEqual([[" ", 1, 1], ["-", 2, null], ["+", null, 2], ["+", null, 3]]);
});
