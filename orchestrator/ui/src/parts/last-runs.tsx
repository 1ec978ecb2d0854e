// The last runs of a DAG as small bars, read by themselves: a few rows, again only when something of that DAG has changed.
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "../api/client";
import { RunBars } from "./run-bars";

export function LastRuns({ dag, many }: { dag: string; many: number }) {
  const runs = useQuery({
    queryKey: ["dag", dag, "last-runs", many],
    queryFn: () => ask(api.GET("/api/v1/runs", { params: { query: { dag, limit: many } } })),
  });
  if (runs.data === undefined) return <div className="run-bars" aria-hidden />;
  if (runs.data.runs.length === 0) return <span className="muted">no runs yet</span>;
  return <RunBars runs={runs.data.runs} />;
}
