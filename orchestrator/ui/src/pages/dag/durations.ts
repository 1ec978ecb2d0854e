// How long runs and their tasks took, as lines of a plot and as numbers. Knows nothing of the page.
import type { Schema } from "../../api/types";
import { quantile } from "../../format/stats";
import { between } from "../../format/time";
import type { Line } from "../../parts/plot";

type Durations = Schema<"Durations">;
export type Measure = "running" | "queued";

export interface Series {
  /** Seconds since 1970: T of each run, ascending. */
  x: number[];
  lines: Line[];
  /** The run of each place. */
  runs: string[];
}

const QUEUED = "#0c8599";

/** The whole runs, one task (both: queued apart from running), or several tasks beside each other by one measure. */
export function seriesOf(durations: Durations, tasks: readonly string[], measure: Measure): Series {
  const runs = [...durations.runs].sort((one, other) => one.window_end.localeCompare(other.window_end) || one.id.localeCompare(other.id));
  const x = runs.map(({ window_end }) => new Date(window_end).getTime() / 1_000);
  const of = (task: string, which: Measure) => {
    const place = durations.tasks.indexOf(task);
    return runs.map((run) => millis((which === "running" ? run.running_us : run.queued_us)[place]));
  };
  const whole = (): Line[] => [
    { label: "ran", values: runs.map((run) => (run.ended_at == null ? null : between(run.started_at, run.ended_at, 0))) },
    { label: "queued", color: QUEUED, values: runs.map((run) => (run.started_at == null ? null : between(run.created_at, run.started_at, 0))) },
  ];
  const one = (task: string): Line[] => [{ label: `${task} ran`, values: of(task, "running") }, { label: "queued", color: QUEUED, values: of(task, "queued") }];
  const [only] = tasks;
  const lines = only === undefined ? whole() : tasks.length === 1 ? one(only) : tasks.map((task) => ({ label: task, values: of(task, measure) }));
  return { x, lines, runs: runs.map(({ id }) => id) };
}

export interface TaskTimes {
  task: string;
  /** Milliseconds; none where no run of these has it. */
  ran: number | null;
  ranP95: number | null;
  newest: number | null;
  queued: number | null;
}

/** Each task, the one that takes longest first. */
export function timesOfTasks({ tasks, runs }: Durations): TaskTimes[] {
  const times = tasks.map((task, place) => {
    const ran = runs.flatMap(({ running_us }) => millis(running_us[place]) ?? []);
    const queued = runs.flatMap(({ queued_us }) => millis(queued_us[place]) ?? []);
    return { task, ran: quantile(ran, 0.5), ranP95: quantile(ran, 0.95), newest: ran[0] ?? null, queued: quantile(queued, 0.5) };
  });
  return times.sort((one, other) => (other.ran ?? -1) - (one.ran ?? -1));
}

function millis(micros: number | null | undefined): number | null {
  return micros == null ? null : micros / 1_000;
}
