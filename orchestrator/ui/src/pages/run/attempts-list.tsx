// The attempts of one task, newest first: when, how long, where, and what each ended of.
import { Text } from "@mantine/core";
import type { RunDetail, TaskRun } from "../../api/types";
import { between, duration } from "../../format/time";
import { FirstFew } from "../../parts/first-few";
import { useNow } from "../../parts/now";
import { Loaded } from "../../parts/page";
import { State } from "../../parts/state";
import { Time } from "../../parts/time";
import { Words } from "../../parts/words";
import { type Attempt, useAttempts } from "./attempts";

interface Props {
  run: RunDetail;
  task: TaskRun;
  zone: string | undefined;
}

export function Attempts({ run, task, zone }: Props) {
  const attempts = useAttempts(run.id, task.name);
  const now = useNow(task.ended_at == null ? 1_000 : null);
  return (
    <Loaded query={attempts} height={100}>
      {(known) =>
        known.length === 0 ? (
          <div className="run-panel-body"><Text size="sm" c="dimmed">No worker has taken it yet.</Text></div>
        ) : (
          <FirstFew items={known.toReversed()} few={20}>
            {(shown) => <ol className="run-attempts">{shown.map((attempt) => <OneAttempt key={`${attempt.attempt}-${attempt.fence}`} attempt={attempt} now={now} zone={zone} />)}</ol>}
          </FirstFew>
        )
      }
    </Loaded>
  );
}

function OneAttempt({ attempt, now, zone }: { attempt: Attempt; now: number; zone: string | undefined }) {
  const { started_at, ended_at, ready_at, worker, cause, reason } = attempt;
  const queued = between(ready_at, started_at ?? ended_at, now);
  const ran = between(started_at, ended_at, now);
  const times = [queued === null ? null : `queued ${duration(queued)}`, ran === null ? null : `ran ${duration(ran)}${ended_at == null ? " so far" : ""}`];
  return (
    <li>
      <div className="run-attempt-head">
        <strong>Attempt {attempt.attempt}</strong>
        <State state={attempt.state} />
        <span className="muted"><Time at={started_at} seconds {...(zone === undefined ? {} : { zone })} /></span>
      </div>
      <Text size="sm" c="dimmed">{[...times, worker == null ? null : `on ${worker}`, cause ?? null].filter((word) => word !== null).join(" · ")}</Text>
      {reason != null && <Text size="sm"><Words text={reason} zone={zone} /></Text>}
    </li>
  );
}
