// What runs, live: one stream of changes for the whole page. A change is put into what is shown at once, and what else it
// touches is read again, rarely. A hidden tab holds no connection (browsers give a host six) and goes on when it is seen.
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import type { ServerEvent } from "./event-stream";
import { follow } from "./events";
import type { RunDetail, Schema } from "./types";

type Change = Schema<"Change">;

/** Between two readings of the same thing, however much happens. */
const BETWEEN_READINGS_MS = 2_000;
/** A tab that is hidden for longer lets go of its connection. */
const HIDDEN_MS = 10_000;

const Connected = createContext(true);

/** Whether changes arrive at present. */
export function useConnected(): boolean {
  return useContext(Connected);
}

export function LiveUpdates({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [connected, setConnected] = useState(true);
  useEffect(() => {
    const readings = new Readings(queries);
    let stop: (() => void) | null = null;
    let hiding: ReturnType<typeof setTimeout> | undefined;
    const begin = () => {
      clearTimeout(hiding);
      stop ??= follow("/api/v1/events", { onEvent: (event) => take(event, queries, readings), onConnected: setConnected });
    };
    const seen = () => {
      if (!document.hidden) return begin();
      hiding = setTimeout(() => {
        stop?.();
        stop = null;
      }, HIDDEN_MS);
    };
    document.addEventListener("visibilitychange", seen);
    begin();
    return () => {
      document.removeEventListener("visibilitychange", seen);
      clearTimeout(hiding);
      stop?.();
      readings.stop();
    };
  }, [queries]);
  return <Connected value={connected}>{children}</Connected>;
}

function take({ event, data }: ServerEvent, queries: QueryClient, readings: Readings): void {
  if (event === "reset") return readings.ask([]);
  if (event !== "run" && event !== "task") return;
  const change = JSON.parse(data) as Change;
  queries.setQueryData<RunDetail>(["run", change.run_id], (run) => (run === undefined ? run : withChange(run, change)));
  readings.ask(["run", change.run_id]);
  readings.ask(["dag", change.dag]);
  readings.ask(["active"]);
  if (change.kind === "run") readings.ask(["runs"]);
}

function withChange(run: RunDetail, change: Change): RunDetail {
  if (change.kind === "run") return { ...run, state: change.state };
  const { task: name, state, attempt } = change;
  return { ...run, tasks: run.tasks.map((task) => (task.name === name ? { ...task, state, attempt } : task)) };
}

/** Reads again what has changed: at once the first time, then at most every two seconds for each thing. */
class Readings {
  private readonly waiting = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly last = new Map<string, number>();

  constructor(private readonly queries: QueryClient) {}

  ask(key: readonly string[]): void {
    const name = key.join("/");
    if (this.waiting.has(name)) return;
    const rests = (this.last.get(name) ?? 0) + BETWEEN_READINGS_MS - performance.now();
    const read = () => {
      this.waiting.delete(name);
      this.last.set(name, performance.now());
      void this.queries.invalidateQueries({ queryKey: key });
    };
    this.waiting.set(name, setTimeout(read, Math.max(rests, 100)));
  }

  stop(): void {
    for (const timer of this.waiting.values()) clearTimeout(timer);
  }
}
