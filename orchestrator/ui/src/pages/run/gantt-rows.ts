// What a Gantt chart shows, without showing it: a row for each task, in it the pieces of time that it was queued, ran or
// waited, attempt by attempt; and the marks of its axis.
import type { RunDetail, TaskRun, TaskState } from "../../api/types";
import { duration } from "../../format/time";
import { STATES } from "../../theme";
import type { Attempt } from "./attempts";

export interface Piece {
  what: "queued" | "ran" | "waited";
  /** Milliseconds since 1970; `to` is none while it lasts. */
  from: number;
  to: number | null;
  state: TaskState;
  attempt: number;
  /** Why the attempt ended, where it did not succeed. */
  reason: string | null;
}

export interface Row {
  task: TaskRun;
  pieces: Piece[];
}

/** Rows in the order in which tasks began; those that have not, last. */
export function rowsOf(run: RunDetail, attempts: readonly Attempt[]): Row[] {
  const byTask = new Map<string, Attempt[]>();
  for (const attempt of attempts) {
    const known = byTask.get(attempt.task);
    if (known === undefined) byTask.set(attempt.task, [attempt]);
    else known.push(attempt);
  }
  const rows = run.tasks.map((task) => ({ task, pieces: piecesOf(task, byTask.get(task.name) ?? []) }));
  const begun = ({ pieces }: Row) => pieces[0]?.from ?? Infinity;
  return rows.sort((one, other) => {
    const [a, b] = [begun(one), begun(other)];
    return a === b ? 0 : a - b;
  });
}

function piecesOf(task: TaskRun, attempts: readonly Attempt[]): Piece[] {
  const pieces = attempts.flatMap((attempt, place) => {
    const own = piecesOfAttempt(task, attempt, place === attempts.length - 1);
    return [...own, ...pauseAfter(attempt, attempts[place + 1])];
  });
  // A task that is done once per item has no attempt of its own: it is under way while its items are.
  if (task.items != null && task.ready_at != null && pieces.length === 0) {
    return [{ what: "ran", from: ms(task.ready_at), to: task.ended_at == null ? null : ms(task.ended_at), state: task.state, attempt: 1, reason: task.reason ?? null }];
  }
  const last = pieces.at(-1);
  const common = { attempt: task.attempt, reason: task.reason ?? null, to: null };
  if (task.state === "ready" && task.ready_at != null) pieces.push({ ...common, what: "queued", from: ms(task.ready_at), state: "ready" });
  if (task.state === "retry_wait" && last?.to != null) pieces.push({ ...common, what: "waited", from: last.to, state: "retry_wait" });
  return pieces;
}

function piecesOfAttempt(task: TaskRun, attempt: Attempt, last: boolean): Piece[] {
  const pieces: Piece[] = [];
  const started = attempt.started_at == null ? null : ms(attempt.started_at);
  const ended = attempt.ended_at == null ? null : ms(attempt.ended_at);
  // The run's own view is patched with each change; the list of attempts comes a little later.
  const state = last && ended === null ? task.state : attempt.state;
  const common = { attempt: attempt.attempt, reason: attempt.reason ?? null };
  if (attempt.ready_at != null) pieces.push({ ...common, what: "queued", from: ms(attempt.ready_at), to: started ?? ended, state: "ready" });
  if (started === null) return pieces;
  const gaveBack = state === "deferred" && last && task.wait?.since != null ? ms(task.wait.since) : null;
  pieces.push({ ...common, what: "ran", from: started, to: gaveBack ?? ended ?? (last && task.ended_at != null ? ms(task.ended_at) : null), state: gaveBack === null ? state : "deferred" });
  if (gaveBack !== null) pieces.push({ ...common, what: "waited", from: gaveBack, to: null, state: "deferred" });
  return pieces;
}

/** Between two attempts: until the next one was ready. */
function pauseAfter({ state, ended_at, attempt, reason }: Attempt, next: Attempt | undefined): Piece[] {
  const until = next?.ready_at ?? next?.started_at;
  if (ended_at == null || until == null || (state !== "retry_wait" && state !== "deferred")) return [];
  return [{ what: "waited", from: ms(ended_at), to: ms(until), state, attempt, reason: reason ?? null }];
}

function ms(at: string): number {
  return new Date(at).getTime();
}

export interface Span {
  from: number;
  to: number;
}

/** From the first piece to the last one, or to now while something lasts. */
export function spanOf(run: RunDetail, rows: readonly Row[], now: number): Span {
  let from = Infinity;
  let to = -Infinity;
  for (const { pieces } of rows) {
    for (const piece of pieces) {
      from = Math.min(from, piece.from);
      to = Math.max(to, piece.to ?? now);
    }
  }
  if (from === Infinity) {
    from = ms(run.created_at);
    to = run.ended_at == null ? now : ms(run.ended_at);
  }
  return { from, to: Math.max(to, from + 10) };
}

const STEPS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3, 1800e3, 3600e3, 7200e3, 10_800e3, 21_600e3, 43_200e3,
  86_400e3, 172_800e3, 604_800e3, 2_592_000e3,
];

/** Marks of the axis, as milliseconds from its beginning, not nearer to each other than so many. */
export function ticksOf({ from, to }: Span, nearest: number): number[] {
  const step = STEPS_MS.find((each) => each >= nearest) ?? nearest;
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, place) => place * step);
}

/** A mark in words: no digits that its step does not have. */
export function tickWord(at: number): string {
  if (at === 0) return "0";
  if (at < 1_000) return `${at} ms`;
  if (at < 60_000) return `${at / 1_000} s`;
  if (at < 3_600_000) return `${Math.floor(at / 60_000)} min${at % 60_000 === 0 ? "" : ` ${(at % 60_000) / 1_000} s`}`;
  return duration(at);
}

/** A piece in words. */
export function pieceWords({ what, from, to, state, attempt, reason }: Piece, now: number): string {
  const took = duration((to ?? now) - from);
  const lasts = to === null ? " so far" : "";
  if (what === "queued") return `attempt ${attempt}: queued for ${took}${lasts}`;
  if (what === "waited") return `${STATES[state].word} for ${took}${lasts}`;
  return `attempt ${attempt}: ${to === null ? "runs for" : `${STATES[state].word}, took`} ${took}${lasts}${reason === null ? "" : ` (${reason})`}`;
}

/** A row in words, for those who do not see it. */
export function rowWords({ task, pieces }: Row, now: number): string {
  const sum = (what: Piece["what"]) => pieces.filter((piece) => piece.what === what).reduce((total, { from, to }) => total + (to ?? now) - from, 0);
  const times = pieces.length === 0 ? "has not begun" : `queued ${duration(sum("queued"))}, ran ${duration(sum("ran"))}`;
  return `${task.name}: ${STATES[task.state].word}, ${times}`;
}
