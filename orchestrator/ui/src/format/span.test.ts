// A length of time is written in the largest unit that it is a whole number of.
import { expect, it } from "vitest";
import { span } from "./span";

it("writes lengths of time as people declare them", () => {
  expect([259_200_000_000, 108_000_000_000, 5_400_000_000, 1_500_000, 7].map(span)).toEqual(["3 d", "30 h", "90 min", "1500 ms", "7 µs"]);
});
