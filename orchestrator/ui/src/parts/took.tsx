// How long a run was queued, and how long it ran: in words, and as a bar against the longest one beside it. Lives while it runs.
import type { RunSummary } from "../api/types";
import { between, duration } from "../format/time";
import { STATES } from "../theme";
import { useNow } from "./now";
import "./took.css";

type Timed = Pick<RunSummary, "state" | "created_at" | "started_at" | "ended_at">;

interface Times {
  queued: number;
  running: number;
}

/** Milliseconds from its row to its first ready tasks, and from there to its end. */
export function timesOf({ created_at, started_at, ended_at }: Timed, now: number): Times {
  const begun = started_at ?? ended_at;
  return { queued: between(created_at, begun, now) ?? 0, running: between(started_at, ended_at, now) ?? 0 };
}

/** How long it ran: the bar is against the longest one beside it. */
export function Took({ run, longest }: { run: Timed; longest: number }) {
  const { queued, running } = useTimes(run);
  const share = (100 * running) / Math.max(longest, running, 1);
  return (
    <div className="took" title={`queued ${duration(queued)}, ran ${duration(running)}`}>
      <div className="took-bar" aria-hidden><span style={{ width: `${share}%`, background: STATES[run.state].color }} /></div>
      <span className="took-words">{run.started_at == null ? "–" : duration(running)}</span>
    </div>
  );
}

/** How long it ran, in words alone. */
export function Ran({ run }: { run: Timed }) {
  const { running } = useTimes(run);
  return run.started_at == null ? null : <span className="took-words">{duration(running)}</span>;
}

/** How long it waited for its turn. */
export function Queued({ run }: { run: Timed }) {
  const { queued } = useTimes(run);
  // What begins at once does not need a number.
  return queued < 1_000 ? <span className="muted">–</span> : duration(queued);
}

function useTimes(run: Timed): Times {
  return timesOf(run, useNow(isActive(run.state) ? 1_000 : null));
}

function isActive(state: Timed["state"]): boolean {
  return state === "running" || state === "queued";
}
