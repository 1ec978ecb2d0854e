// The letters that the grid of a DAG has for the states of tasks.
import type { TaskState } from "../api/types";

export const TASK_LETTERS: Record<string, TaskState> = {
  w: "waiting", q: "ready", r: "running", d: "deferred", y: "retry_wait", s: "succeeded", f: "failed", k: "skipped", u: "upstream_failed", c: "cancelled",
};
