// The pieces of time of a task, and the marks of the axis above them.
import { expect, test } from "vitest";
import type { RunDetail, TaskRun } from "../../api/types";
import type { Attempt } from "./attempts";
import { rowsOf, rowWords, spanOf, ticksOf, tickWord } from "./gantt-rows";

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const ms = (second: number) => new Date(at(second)).getTime();

function task(name: string, more: Partial<TaskRun>): TaskRun {
  return { id: name, name, kind: "noop", needs: [], state: "waiting", attempt: 0, lost: 0, busy_us: 0, start_us: 0, outputs: {}, ...more };
}

function attempt(of: string, number: number, more: Partial<Attempt>): Attempt {
  return { task: of, attempt: number, fence: number, state: "succeeded", ...more };
}

function run(tasks: TaskRun[]): RunDetail {
  return { id: "r", dag: "d", state: "running", window_end: at(0), trigger: "manual", created_at: at(0), tasks, params: {} };
}

test("queueing, running and the pause before a retry are apart", () => {
  const retried = task("b", { state: "running", attempt: 2, ready_at: at(10), started_at: at(11) });
  const attempts = [
    attempt("b", 1, { ready_at: at(1), started_at: at(3), ended_at: at(4), state: "retry_wait", reason: "no" }),
    attempt("b", 2, { ready_at: at(10), started_at: at(11), state: "running" }),
  ];
  const [row] = rowsOf(run([retried]), attempts);
  expect(row?.pieces.map(({ what, from, to }) => [what, from - ms(0), to === null ? null : to - ms(0)])).toEqual([
    ["queued", 1_000, 3_000],
    ["ran", 3_000, 4_000],
    ["waited", 4_000, 10_000],
    ["queued", 10_000, 11_000],
    ["ran", 11_000, null],
  ]);
  expect(rowWords(row as NonNullable<typeof row>, ms(12))).toBe("b: running, queued 3.0 s, ran 2.0 s");
});

test("tasks stand in the order in which they began; those that have not, last", () => {
  const tasks = [task("late", {}), task("second", { state: "ready", ready_at: at(5) }), task("first", { state: "succeeded" })];
  const rows = rowsOf(run(tasks), [attempt("first", 1, { started_at: at(1), ended_at: at(2) })]);
  expect(rows.map((row) => row.task.name)).toEqual(["first", "second", "late"]);
  expect(spanOf(run(tasks), rows, ms(9))).toEqual({ from: ms(1), to: ms(9) });
});

test("marks of the axis keep their distance", () => {
  expect(ticksOf({ from: 0, to: 60_000 }, 9_000)).toEqual([0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000]);
  expect([0, 500, 2_000, 90_000, 7_200_000].map(tickWord)).toEqual(["0", "500 ms", "2 s", "1 min 30 s", "2 h 00 min"]);
});
