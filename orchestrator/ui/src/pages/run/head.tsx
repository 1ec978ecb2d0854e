// What a run is: its instant and window, what made it, when it ran, and how its tasks stand.
import { Anchor } from "@mantine/core";
import { Link } from "react-router";
import type { RunDetail, TaskRun, TaskState } from "../../api/types";
import { between, duration } from "../../format/time";
import { TRIGGERS } from "../../format/triggers";
import { Copied } from "../../parts/copied";
import { type Fact, Facts } from "../../parts/facts";
import { useNow } from "../../parts/now";
import { Card } from "../../parts/page";
import { StateDot } from "../../parts/state";
import { Time } from "../../parts/time";
import { useAddress } from "../../parts/address";
import { STATES } from "../../theme";

export function hasEnded({ state }: Pick<RunDetail, "state">): boolean {
  return state !== "queued" && state !== "running";
}

export function Head({ run, zone }: { run: RunDetail; zone: string | undefined }) {
  const zoned = zone === undefined ? {} : { zone };
  const facts: (Fact | null)[] = [
    ["DAG", <Anchor component={Link} to={`/dags/${run.dag}`} className="clip" display="block" title={run.dag}>{run.dag}</Anchor>],
    ["T", <Time at={run.window_end} {...zoned} />],
    run.window_start == null ? null : ["Window from", <Time at={run.window_start} {...zoned} />],
    run.scheduled_for == null || run.scheduled_for === run.window_end ? null : ["Scheduled for", <Time at={run.scheduled_for} {...zoned} />],
    ["Trigger", run.followed == null ? TRIGGERS[run.trigger] : `${TRIGGERS[run.trigger]}: ${run.followed}`],
    ["Created", <Time at={run.created_at} seconds {...zoned} />],
    ["Started", <Time at={run.started_at} seconds {...zoned} />],
    ["Took", <Took run={run} />],
    ["Run", <Copied text={run.id} />],
  ];
  return (
    <Card>
      <Facts facts={facts} />
      {run.tasks.length > 0 && <Counts tasks={run.tasks} />}
    </Card>
  );
}

function Took({ run }: { run: RunDetail }) {
  const ended = hasEnded(run);
  const now = useNow(ended ? null : 1_000);
  if (run.state === "queued" && run.started_at != null) return <>waits to run again</>;
  const waited = between(run.created_at, run.started_at ?? run.ended_at, now) ?? 0;
  const ms = between(run.started_at, run.ended_at, now);
  if (ms === null) return <>{ended ? "–" : `queued for ${duration(waited)}`}</>;
  return <span title={`queued for ${duration(waited)} before`}>{duration(ms)}{ended ? "" : " so far"}</span>;
}

/** How many tasks stand how; each is a way to their list. */
function Counts({ tasks }: { tasks: readonly TaskRun[] }) {
  const [, choose] = useAddress();
  const counts = new Map<TaskState, number>();
  for (const { state } of tasks) counts.set(state, (counts.get(state) ?? 0) + 1);
  const known = (Object.keys(STATES) as TaskState[]).flatMap((state) => {
    const many = counts.get(state);
    return many === undefined ? [] : [{ state, many }];
  });
  return (
    <div style={{ marginTop: "0.9rem" }}>
      <div className="run-share" aria-hidden>
        {known.map(({ state, many }) => <span key={state} style={{ flexGrow: many, background: STATES[state].color }} />)}
      </div>
      <div className="run-counts">
        {known.map(({ state, many }) => (
          <button key={state} type="button" className="link-button state" style={{ color: STATES[state].color }} onClick={() => choose({ tab: "tasks", state })}>
            <StateDot state={state} />{many.toLocaleString("en")} {STATES[state].word}
          </button>
        ))}
      </div>
    </div>
  );
}
