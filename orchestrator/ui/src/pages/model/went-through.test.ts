import { expect, test } from "vitest";
import { wentThrough } from "./went-through";

const moves = (...to: number[]) => to.map((version) => ({ alias: "champion", to: version })).reverse();

test("a version that an alias went back from is not on its way any more", () => {
  expect(wentThrough(moves(1, 2, 3), "champion")).toEqual([1, 2, 3]);
  expect(wentThrough(moves(1, 2, 3, 2), "champion")).toEqual([1, 2]);
  expect(wentThrough(moves(1, 2, 3, 2, 4), "champion")).toEqual([1, 2, 4]);
  expect(wentThrough([{ alias: "challenger", to: 9 }, ...moves(1)], "champion")).toEqual([1]);
  expect(wentThrough([], "champion")).toEqual([]);
});
