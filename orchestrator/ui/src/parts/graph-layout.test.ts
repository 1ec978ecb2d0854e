import { expect, test } from "vitest";
import { BOX, type GraphTask, placed } from "./graph-layout";

function chain(count: number): GraphTask[] {
  return Array.from({ length: count }, (_, place) => ({ name: `t${place}`, kind: "noop", needs: place === 0 ? [] : [`t${Math.floor((place - 1) / 3)}`] }));
}

test.each([1, 5, 120, 1_000])("%i tasks stand apart, each after what it needs", (count) => {
  const tasks = chain(count);
  for (const down of [false, true]) {
    const places = placed(tasks, down);
    expect(new Set(places.map(({ x, y }) => `${x},${y}`)).size).toBe(count);
    const along = new Map(places.map(({ task, x, y }) => [task.name, down ? y : x]));
    for (const { name, needs } of tasks) for (const need of needs) expect(along.get(need)).toBeLessThan(along.get(name) ?? 0);
  }
});

test("a need that is no task of the graph is passed over", () => {
  const [only] = placed([{ name: "a", kind: "noop", needs: ["gone"] }], false);
  expect(only?.x).toBe(0);
  expect(BOX.width).toBeGreaterThan(0);
});
