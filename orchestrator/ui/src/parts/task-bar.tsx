// How far the tasks of a run are: one bar of their states, and how many have ended.
import { VisuallyHidden } from "@mantine/core";
import type { TaskState } from "../api/types";
import { TASK_LETTERS } from "../format/letters";
import { STATES } from "../theme";
import "./task-bar.css";

/** What has ended stands at the left, what has not begun at the right. */
const ORDER: TaskState[] = ["succeeded", "skipped", "failed", "upstream_failed", "cancelled", "running", "deferred", "retry_wait", "ready", "waiting"];
const ENDED = new Set<TaskState>(["succeeded", "skipped", "failed", "upstream_failed", "cancelled"]);

export function TaskBar({ states }: { states: string }) {
  const many = new Map<TaskState, number>();
  for (const letter of states) {
    const state = TASK_LETTERS[letter];
    if (state !== undefined) many.set(state, (many.get(state) ?? 0) + 1);
  }
  const all = [...many.values()].reduce((sum, each) => sum + each, 0);
  if (all === 0) return null;
  const known = ORDER.filter((state) => many.has(state));
  const ended = known.filter((state) => ENDED.has(state)).reduce((sum, state) => sum + (many.get(state) ?? 0), 0);
  const words = known.map((state) => `${many.get(state) ?? 0} ${STATES[state].word}`).join(", ");
  return (
    <div className="task-bar" title={words}>
      <div className="task-bar-parts" aria-hidden>
        {known.map((state) => (
          <span key={state} className={state === "running" ? "breathes" : undefined} style={{ flexGrow: many.get(state) ?? 0, background: state === "waiting" ? "var(--line)" : STATES[state].color }} />
        ))}
      </div>
      <span className="task-bar-words">{ended} of {all}<VisuallyHidden> tasks have ended: {words}</VisuallyHidden></span>
    </div>
  );
}
