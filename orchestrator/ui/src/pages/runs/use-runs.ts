// The runs of a filter, newest first, live.
import { api, ask } from "../../api/client";
import type { RunState, RunSummary, Schema } from "../../api/types";
import { type LiveRuns, useLiveRuns } from "../../parts/live-runs";

const PAGE = 200;

interface Runs extends LiveRuns<Schema<"RunList">> {
  runs: RunSummary[];
}

export function useRuns(dag: string | null, state: RunState | null): Runs {
  const filter = { ...(dag === null ? {} : { dag }), ...(state === null ? {} : { state }) };
  const live = useLiveRuns({
    queryKey: ["runs", filter],
    limit: PAGE,
    read: (before, limit) => ask(api.GET("/api/v1/runs", { params: { query: { ...filter, limit, ...(before === undefined ? {} : { before }) } } })),
  });
  return { ...live, runs: live.pages?.flatMap(({ runs }) => runs) ?? [] };
}
