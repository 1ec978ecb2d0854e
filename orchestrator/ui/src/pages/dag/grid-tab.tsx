// The runs of a DAG beside each other, task by task. A click opens the run, with the task chosen.
import { Skeleton, Text } from "@mantine/core";
import { lazy, Suspense } from "react";
import { useNavigate } from "react-router";
import { api, ask } from "../../api/client";
import { EmptyView } from "../../parts/empty-view";
import { ErrorView } from "../../parts/error-view";
import { useLiveRuns } from "../../parts/live-runs";
import { Card, Loaded } from "../../parts/page";
import { StateDot } from "../../parts/state";
import { STATES } from "../../theme";
import type { Dag } from ".";

const RunGrid = lazy(() => import("../../parts/run-grid"));

const SIGNS = ["succeeded", "failed", "running", "ready", "deferred", "retry_wait", "skipped", "upstream_failed", "cancelled", "waiting"] as const;

export function GridTab({ dag: { name } }: { dag: Dag }) {
  const navigate = useNavigate();
  const { pages, newest, older, more } = useLiveRuns({
    queryKey: ["dag", name, "grid"],
    limit: 500,
    read: (before, limit) => ask(api.GET("/api/v1/dags/{dag}/grid", { params: { path: { dag: name }, query: { limit, ...(before === undefined ? {} : { before }) } } })),
  });
  return (
    <Loaded query={newest} height={320}>
      {({ runs }) => (
        <Card flush>
          {runs.length === 0 ? (
            <EmptyView title="No runs yet"><Text size="sm">Once this DAG has run, its runs stand here beside each other.</Text></EmptyView>
          ) : (
            <Suspense fallback={<Skeleton height={320} role="status" aria-label="Loading" />}>
              <RunGrid pages={pages ?? []} more={more} height={560} onChoose={({ id }, task) => void navigate(`/runs/${id}${task === null ? "" : `?task=${encodeURIComponent(task)}`}`)} />
            </Suspense>
          )}
          {older.error !== null && <ErrorView error={older.error} title="Older runs are missing" again={() => void (older.isFetchNextPageError ? older.fetchNextPage() : older.refetch())} />}
          <div className="legend" aria-hidden>{SIGNS.map((state) => <span key={state}><StateDot state={state} />{STATES[state].word}</span>)}</div>
        </Card>
      )}
    </Loaded>
  );
}
