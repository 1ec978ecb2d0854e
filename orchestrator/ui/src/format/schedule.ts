// When a DAG runs by itself, in words: its schedules, the DAGs it follows and the data it waits for.
import type { DagView, Schema } from "../api/types";
import { cronWords } from "./cron";

type Schedule = Schema<"ScheduleView">;

export interface Occasion {
  words: string;
  /** The rest: zone, bounds, policies. */
  more: string[];
}

/** Every occasion, in the order in which they are declared. */
export function occasions(dag: Pick<DagView, "schedules" | "after" | "updated">): Occasion[] {
  return [
    ...dag.schedules.map((schedule) => ({ words: cronWords(schedule.cron), more: scheduleMore(schedule) })),
    ...(dag.after ?? []).map(({ dag: other, ended }) => ({ words: `after ${other}${ended === "succeeded" ? "" : ended === "failed" ? " has failed" : ", however it ended"}`, more: [] })),
    ...(dag.updated ?? []).map(updateWords),
  ];
}

function scheduleMore(schedule: Schedule): string[] {
  const { cron, timezone, start, end, missed, missed_cap, overlap, day_match, dst, only, exclude, jitter } = schedule;
  const words = [`${cron} in ${timezone}`];
  if (start != null) words.push(`from ${wall(start)}`);
  if (end != null) words.push(`until ${wall(end)}`);
  if (only.length > 0) words.push(`only on ${dates(only)}`);
  if (exclude.length > 0) words.push(`not on ${dates(exclude)}`);
  if (day_match === "and") words.push("both day fields have to match");
  if (dst.gap === "skip") words.push("a time that clocks leave out is skipped");
  if (dst.overlap === "both") words.push("a time that comes twice fires twice");
  if (jitter != null) words.push(`starts up to ${jitter} later`);
  words.push(missed === "all" ? (missed_cap == null ? "missed firings run" : `of missed firings the newest ${missed_cap} run`) : missed === "last" ? "of missed firings the newest runs" : "missed firings are left out");
  words.push({ queue: "queues while a run is active", skip: "skipped while a run is active", cancel_previous: "cancels a run that is active" }[overlap]);
  return words;
}

/** A time of the wall clock; midnight is the date alone. */
function wall(time: string): string {
  return time.replace(/T00:00:00$/, "").replace("T", " ");
}

function dates(sets: Schedule["only"]): string {
  return sets.map((set) => ("date" in set ? set.date : `calendar ${set.calendar}`)).join(", ");
}

function updateWords({ views, sources, match, before, timezone, seen }: Schema<"UpdatedView">): Occasion {
  const data = [...views, ...sources];
  const words = data.length === 1 ? `when ${data[0] ?? ""} is updated` : `when ${match} of ${data.join(", ")} ${match === "all" ? "are" : "is"} updated`;
  const more = before == null ? [] : [`only before ${before} in ${timezone}`];
  if (seen.length > 0) more.push(`seen so far: ${seen.map((update) => update.data).join(", ")}`);
  return { words, more };
}
