// How the chosen task stands: times, attempts, what it needs, and why it waits or has ended so.
import { Anchor, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, ask } from "../../api/client";
import type { RunDetail, TaskRun } from "../../api/types";
import { duration } from "../../format/time";
import { useAddress } from "../../parts/address";
import { Copied } from "../../parts/copied";
import { type Fact, Facts } from "../../parts/facts";
import { JsonView } from "../../parts/json-view";
import { useNow } from "../../parts/now";
import { StateDot } from "../../parts/state";
import { Time } from "../../parts/time";
import { Words } from "../../parts/words";
import { timesOf } from "./tasks";

interface Props {
  run: RunDetail;
  task: TaskRun;
  zone: string | undefined;
}

export function TaskFacts({ run, task, zone }: Props) {
  const lasts = task.ended_at == null;
  const now = useNow(lasts ? 1_000 : null);
  const { queued, ran } = timesOf(task, now);
  const facts: (Fact | null)[] = [
    ["Kind", task.kind],
    task.items != null ? ["Items", `${task.items.succeeded.toLocaleString("en")} of ${task.items.items.toLocaleString("en")} succeeded`] : ["Attempt", task.lost > 0 ? `${task.attempt}, and ${task.lost} lost with their worker` : task.attempt],
    queued === null ? null : ["Queued", duration(queued)],
    ran === null ? null : ["Ran", `${duration(ran)}${lasts ? " so far" : ""}`],
    task.started_at == null ? null : ["Started", <Time at={task.started_at} seconds {...(zone === undefined ? {} : { zone })} />],
    task.worker == null ? null : ["Worker", <span className="mono">{task.worker}</span>],
    task.cached_from == null ? null : ["Result taken from", <Anchor component={Link} className="mono" to={`/runs/${task.cached_from}`}>{task.cached_from}</Anchor>],
    task.wait?.condition.for !== "run" || task.wait.condition.run_id == null
      ? null
      : ["Waits for the run", <Anchor component={Link} className="mono" to={`/runs/${task.wait.condition.run_id}`}>{task.wait.condition.run_id}</Anchor>],
    ["Task run", <Copied text={task.id} shown={`…${task.id.slice(-8)}`} />],
  ];
  return (
    <>
      <Why run={run.id} task={task} zone={zone} />
      <Facts facts={facts} narrow />
      {task.needs.length > 0 && <Needs run={run} needs={task.needs} />}
      {task.item !== undefined && <div><Text size="xs" c="dimmed">Item</Text><JsonView value={task.item} label="item" /></div>}
    </>
  );
}

/** Why it waits, in the server's words; of one that has ended, its reason. */
function Why({ run, task, zone }: { run: string; task: TaskRun; zone: string | undefined }) {
  const asks = task.ended_at == null && task.state !== "running";
  const why = useQuery({
    queryKey: ["run", run, "why", task.name],
    queryFn: () => ask(api.GET("/api/v1/runs/{run}/why", { params: { path: { run }, query: { task: task.name } } })),
    enabled: asks,
  });
  const words = asks ? (why.data?.tasks[0]?.words ?? task.reason) : task.reason;
  return words == null ? null : <Text size="sm" className="run-task-why">{asks && "It "}<Words text={words} zone={zone} /></Text>;
}

const FEW = 12;

function Needs({ run, needs }: { run: RunDetail; needs: readonly string[] }) {
  const [, choose] = useAddress();
  const states = new Map(run.tasks.map(({ name, state }) => [name, state]));
  return (
    <div>
      <Text size="xs" c="dimmed">Needs</Text>
      <div className="run-needs">
        {needs.slice(0, FEW).map((name) => {
          const state = states.get(name);
          return <button key={name} type="button" className="link-button" onClick={() => choose({ task: name })}>{state !== undefined && <StateDot state={state} />}{name}</button>;
        })}
        {needs.length > FEW && <span className="muted">and {needs.length - FEW} more</span>}
      </div>
    </div>
  );
}
