// The firings of some weeks, put into days, and the jumps of clocks among them.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, ask } from "../../api/client";
import { EVERY_MINUTE_MS } from "../../api/queries";
import type { Schema } from "../../api/types";
import { ownZone } from "../../format/time";
import { wallClock } from "../../format/zone";
import { plusDays, WEEKS } from "./days";

export type Firing = Schema<"Firing">;
export type ClockChange = Schema<"ClockChange">;
type FiringList = Schema<"FiringList">;

/** Whose clock the days are of. */
export type Clock = "own" | "utc" | "dag";

/** The firings of one DAG on one day. */
export interface Group {
  dag: string;
  paused: boolean;
  /** With the time that the chosen clock shows. */
  firings: { time: string; firing: Firing }[];
}

export interface Day {
  groups: Group[];
  changes: ClockChange[];
}

export interface Calendar {
  days: Map<string, Day>;
  changes: ClockChange[];
  /** There are more firings than could be read; these go so far. */
  until: string | null;
}

/** Answers of 5,000 firings that are read for one look; what is beyond is said. */
const MOST_ANSWERS = 4;
/** A day of another zone begins up to 14 hours earlier and ends up to 12 later. */
const MARGIN_MS = 15 * 3_600_000;

export function useCalendar(first: string, clock: Clock, dag: string | null) {
  const query = useQuery({
    queryKey: ["schedules", first, dag],
    queryFn: () => readAll(Date.parse(`${first}T00:00:00Z`) - MARGIN_MS, Date.parse(`${plusDays(first, WEEKS * 7)}T00:00:00Z`) + MARGIN_MS, dag),
    // Weeks of firings are many, and change with the files alone.
    refetchInterval: 10 * EVERY_MINUTE_MS,
  });
  const calendar = useMemo(() => (query.data === undefined ? undefined : inDays(query.data, clock)), [query.data, clock]);
  return { query, calendar };
}

async function readAll(from: number, to: number, dag: string | null): Promise<FiringList> {
  const all: FiringList = { firings: [], clock_changes: [], truncated: false };
  let at = new Date(from).toISOString();
  for (let answers = 0; answers < MOST_ANSWERS; answers += 1) {
    const query = { from: at, to: new Date(to).toISOString(), ...(dag === null ? {} : { dag }) };
    const page = await ask(api.GET("/api/v1/firings", { params: { query } }));
    all.firings.push(...page.firings);
    if (answers === 0) all.clock_changes = page.clock_changes;
    all.truncated = page.truncated;
    const last = page.firings.at(-1);
    if (!page.truncated || last === undefined) break;
    // An answer never ends within an instant, and firings are whole seconds.
    at = new Date(Date.parse(last.at) + 1).toISOString();
  }
  return all;
}

/** The wall clock of a firing, `2013-03-10T03:00:00`. */
function wallOf(firing: Firing, clock: Clock): string {
  return clock === "dag" ? firing.local : wallClock(firing.at, zoneOf(clock, firing.timezone));
}

export function zoneOf(clock: Clock, dags: string): string {
  return clock === "dag" ? dags : clock === "utc" ? "UTC" : ownZone();
}

function inDays({ firings, clock_changes, truncated }: FiringList, clock: Clock): Calendar {
  const days = new Map<string, Day>();
  const dayAt = (name: string): Day => {
    const day = days.get(name) ?? { groups: [], changes: [] };
    days.set(name, day);
    return day;
  };
  const groups = new Map<string, Group>();
  for (const firing of firings) {
    const wall = wallOf(firing, clock);
    const name = wall.slice(0, 10);
    const key = `${name} ${firing.dag}`;
    let group = groups.get(key);
    if (group === undefined) {
      group = { dag: firing.dag, paused: firing.paused, firings: [] };
      groups.set(key, group);
      dayAt(name).groups.push(group);
    }
    group.firings.push({ time: wall.slice(11, 16), firing });
  }
  for (const day of days.values()) day.groups.sort((one, other) => (one.firings[0]?.time ?? "").localeCompare(other.firings[0]?.time ?? ""));
  for (const change of clock_changes) dayAt(wallClock(change.at, zoneOf(clock, change.timezone)).slice(0, 10)).changes.push(change);
  return { days, changes: clock_changes, until: truncated ? (firings.at(-1)?.at ?? null) : null };
}
