// The runs that have not ended: how far their tasks are, and since when they run.
import { Anchor, Text } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, ask } from "../../api/client";
import type { RunSummary } from "../../api/types";
import { count } from "../../format/number";
import { between, duration } from "../../format/time";
import { useNow } from "../../parts/now";
import { Card } from "../../parts/page";
import { StateDot } from "../../parts/state";
import { TaskBar } from "../../parts/task-bar";
import { Time } from "../../parts/time";
import { STATES } from "../../theme";

/** Runs that are shown; the list of runs has them all. */
const FEW = 10;
/** DAGs whose tasks are read. */
const MOST_DAGS = 6;

export function RunningCard({ runs, active }: { runs: RunSummary[]; active: number }) {
  const running = runs.filter(({ state }) => state === "running").slice(0, FEW);
  const queued = byDag(runs.filter(({ state }) => state === "queued"));
  const states = useStates(running);
  const all = <Anchor component={Link} to="/runs" size="sm">All runs</Anchor>;
  return (
    <Card title="Runs now" actions={all} flush>
      {runs.length === 0 ? (
        <Text className="home-calm muted" size="sm">Nothing runs at the moment.</Text>
      ) : (
        <ul className="plain-list">
          {running.map((run) => <Row key={run.id} run={run} states={states.get(run.id)} />)}
          {queued.map(([dag, waiting]) => <Queued key={dag} dag={dag} runs={waiting} />)}
        </ul>
      )}
      {active > runs.length && <Text className="home-calm muted" size="sm">{count(active)} runs have not ended; these are the newest.</Text>}
    </Card>
  );
}

/** Those that wait for their turn say little one by one. */
function Queued({ dag, runs }: { dag: string; runs: RunSummary[] }) {
  const oldest = runs[runs.length - 1];
  return (
    <li className="home-row home-run">
      <StateDot state="queued" />
      <div className="home-run-line">
        <Anchor component={Link} to={`/runs?dag=${encodeURIComponent(dag)}&state=queued`} fw={600} inherit className="clip" title={dag}>{dag}</Anchor>
        <span className="muted nowrap">{count(runs.length)} queued</span>
        <span className="home-elapsed muted">since <Time at={oldest?.created_at} relative /></span>
      </div>
    </li>
  );
}

function byDag(runs: RunSummary[]): [string, RunSummary[]][] {
  const dags = [...new Set(runs.map(({ dag }) => dag))];
  return dags.map((dag) => [dag, runs.filter((run) => run.dag === dag)]);
}

/** The letters of the tasks of runs: one small reading per DAG, not one per run. */
function useStates(runs: RunSummary[]): Map<string, string> {
  const dags = [...new Set(runs.map(({ dag }) => dag))].slice(0, MOST_DAGS);
  return useQueries({
    queries: dags.map((dag) => ({
      queryKey: ["dag", dag, "newest-grid"],
      queryFn: () => ask(api.GET("/api/v1/dags/{dag}/grid", { params: { path: { dag }, query: { limit: 20 } } })),
    })),
    combine: (grids) => new Map(grids.flatMap(({ data }) => data?.runs.map(({ id, states }) => [id, states] as const) ?? [])),
  });
}

function Row({ run, states }: { run: RunSummary; states: string | undefined }) {
  return (
    <li className="home-row home-run">
      <StateDot state={run.state} />
      <div className="home-words">
        <div className="home-run-line">
          <Anchor component={Link} to={`/runs/${run.id}`} fw={600} inherit className="clip" title={run.dag}>{run.dag}</Anchor>
          <span className="muted nowrap"><Time at={run.window_end} /></span>
          <span className="home-elapsed"><Elapsed run={run} /></span>
        </div>
        {states !== undefined && <TaskBar states={states} />}
      </div>
    </li>
  );
}

function Elapsed({ run: { state, started_at, created_at } }: { run: RunSummary }) {
  const now = useNow(1_000);
  return <>{STATES[state].word} {duration(between(started_at ?? created_at, null, now) ?? 0)}</>;
}
