// What runs, live: one stream of changes for the whole page. A change is put into what is shown at once, and what else it
// touches is read again, rarely.
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import type { ServerEvent } from "./event-stream";
import { follow } from "./events";
import type { RunDetail, Schema } from "./types";

type Change = Schema<"Change">;

/** What changes of runs and tasks make old. */
const LIVE = ["active", "runs", "run", "dag"] as const;
/** What the end of a run may have changed besides. */
const MADE_BY_RUNS = ["models", "views"] as const;

/** Before what has changed is read: changes come together. */
const TOGETHER_MS = 100;
/** Between two readings of the same thing, however much happens. */
const BETWEEN_READINGS_MS = 2_000;

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
    const stop = follow("/api/v1/events", {
      onEvent: (event) => take(event, queries, readings),
      onConnected: setConnected,
      onRefused: () => setConnected(false),
    });
    return () => {
      stop();
      readings.stop();
    };
  }, [queries]);
  return <Connected value={connected}>{children}</Connected>;
}

function take({ event, data }: ServerEvent, queries: QueryClient, readings: Readings): void {
  // Changes from before it are not told. What they do not touch (who is signed in, texts of versions) stays.
  if (event === "reset") for (const word of [...LIVE, ...MADE_BY_RUNS]) readings.ask([word]);
  if (event !== "run" && event !== "task") return;
  const change = JSON.parse(data) as Change;
  queries.setQueryData<RunDetail>(["run", change.run_id], (run) => (run === undefined ? run : withChange(run, change)));
  readings.ask(["run", change.run_id]);
  readings.ask(["dag", change.dag]);
  readings.ask(["active"]);
  if (change.kind !== "run") return;
  readings.ask(["runs"]);
  if (change.state !== "queued" && change.state !== "running") for (const word of MADE_BY_RUNS) readings.ask([word]);
}

function withChange(run: RunDetail, change: Change): RunDetail {
  if (change.kind === "run") return { ...run, state: change.state };
  const { task: name, state, attempt } = change;
  return { ...run, tasks: run.tasks.map((task) => (task.name === name ? { ...task, state, attempt } : task)) };
}

/** Reads again what has changed: soon, then at most every two seconds for each thing. */
class Readings {
  /** What is about to be read or rests, and whether it has changed since it was. */
  private readonly going = new Map<string, { again: boolean; timer: ReturnType<typeof setTimeout> }>();

  constructor(private readonly queries: QueryClient) {}

  ask(key: readonly string[]): void {
    const name = key.join("/");
    const going = this.going.get(name);
    if (going === undefined) this.wait(name, key, TOGETHER_MS, true);
    else going.again = true;
  }

  stop(): void {
    for (const { timer } of this.going.values()) clearTimeout(timer);
  }

  private wait(name: string, key: readonly string[], ms: number, again: boolean): void {
    this.going.set(name, { again, timer: setTimeout(() => this.look(name, key), ms) });
  }

  private look(name: string, key: readonly string[]): void {
    if (this.going.get(name)?.again !== true) {
      this.going.delete(name);
      return;
    }
    void this.queries.invalidateQueries({ queryKey: key });
    this.wait(name, key, BETWEEN_READINGS_MS, false);
  }
}
