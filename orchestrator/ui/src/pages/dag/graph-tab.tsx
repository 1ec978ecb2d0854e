// The tasks of a DAG as they are declared now, with the states of its newest run, live. A click goes to that task of that run.
import { Anchor, Skeleton, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { Link, useNavigate } from "react-router";
import { api, ask } from "../../api/client";
import { zoneOf } from "../../api/declared";
import type { RunDetail } from "../../api/types";
import { between, duration } from "../../format/time";
import { Card } from "../../parts/page";
import { State } from "../../parts/state";
import type { TaskOfGraph } from "../../parts/task-graph";
import { Time } from "../../parts/time";
import { Ran } from "../../parts/took";
import type { Dag } from ".";

const TaskGraph = lazy(() => import("../../parts/task-graph"));

/** Few tasks side by side need little room. */
const FEW = 10;

export function GraphTab({ dag }: { dag: Dag }) {
  const navigate = useNavigate();
  const narrow = useMediaQuery("(max-width: 48em)") ?? false;
  const id = dag.last_run?.id;
  const run = useQuery({
    queryKey: ["run", id],
    queryFn: () => ask(api.GET("/api/v1/runs/{run}", { params: { path: { run: id ?? "" } } })),
    enabled: id !== undefined,
  }).data;
  const choose = id === undefined ? {} : { onChoose: (task: string) => void navigate(`/runs/${id}?task=${encodeURIComponent(task)}`) };
  return (
    <Card title={<Newest dag={dag} run={run} />} flush>
      <Suspense fallback={<Skeleton height={360} role="status" aria-label="Loading" />}>
        <TaskGraph tasks={tasksOf(dag, run)} height={dag.tasks.length <= FEW && !narrow ? 340 : "min(62vh, 620px)"} {...choose} />
      </Suspense>
    </Card>
  );
}

function Newest({ dag, run }: { dag: Dag; run: RunDetail | undefined }) {
  if (dag.last_run == null) return <Text size="sm" fw={400} className="muted">It has not run yet; these are its tasks.</Text>;
  const { id, window_end, state, started_at, ended_at, created_at } = { ...dag.last_run, ...run };
  const zone = zoneOf(dag);
  return (
    <span className="dag-newest">
      <span>Newest run</span>
      <Anchor component={Link} to={`/runs/${id}`} inherit><Time at={window_end} {...(zone === undefined ? {} : { zone })} /></Anchor>
      <State state={state} />
      <span className="muted"><Ran run={{ state, started_at: started_at ?? null, ended_at: ended_at ?? null, created_at }} /></span>
    </span>
  );
}

/** As declared now; what the run knows of a task that it has too. */
function tasksOf(dag: Dag, run: RunDetail | undefined): TaskOfGraph[] {
  const now = Date.now();
  const known = new Map(run?.tasks.map((task) => [task.name, task]));
  return dag.tasks.map(({ name, kind, needs }) => {
    const task = known.get(name);
    if (task === undefined) return { name, kind, needs };
    const ms = task.ended_at == null ? null : between(task.started_at, task.ended_at, now);
    return { name, kind, needs, state: task.state, note: ms === null ? kind : `${kind} · ${duration(ms)}` };
  });
}
