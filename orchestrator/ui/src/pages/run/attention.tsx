// What of a run needs somebody: a decision it waits for, why it does not go on, what it has failed of.
import { Anchor, Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type CSSProperties, Fragment, type ReactNode, useState } from "react";
import { api, ask } from "../../api/client";
import { useSession } from "../../api/session";
import type { RunDetail, Schema, TaskRun } from "../../api/types";
import { useAddress } from "../../parts/address";
import { useNow } from "../../parts/now";
import { Time } from "../../parts/time";
import { Words } from "../../parts/words";
import { STATES } from "../../theme";
import { DecisionDialog, type Decision } from "./decision";
import { hasEnded } from "./head";

interface Props {
  run: RunDetail;
  zone: string | undefined;
  onChoose: (task: string) => void;
}

const FEW = 3;

export function Attention(props: Props) {
  const { run } = props;
  return (
    <>
      {run.tasks.filter(awaitsApproval).slice(0, FEW).map((task) => <Approval key={task.name} task={task} {...props} />)}
      {!hasEnded(run) && <Held {...props} />}
      {hasEnded(run) && run.state !== "succeeded" && <Ended {...props} />}
    </>
  );
}

export function awaitsApproval({ state, wait }: TaskRun): boolean {
  return state === "deferred" && wait?.condition.for === "approval";
}

function Notice({ color, children, actions }: { color: string; children: ReactNode; actions?: ReactNode }) {
  return (
    <section className="card run-notice" style={{ "--notice": color } as CSSProperties}>
      <div className="run-notice-words">{children}</div>
      {actions}
    </section>
  );
}

function Approval({ run, task, zone, onChoose }: Props & { task: TaskRun }) {
  const [decision, setDecision] = useState<Decision | null>(null);
  const { may } = useSession();
  const message = task.wait?.condition.for === "approval" ? task.wait.condition.message : undefined;
  const actions = (
    <>
      <Button size="xs" onClick={() => setDecision("approve")}>Approve…</Button>
      <Button size="xs" variant="default" onClick={() => setDecision("reject")}>Reject…</Button>
    </>
  );
  const zoned = zone === undefined ? {} : { zone };
  return (
    <Notice color={STATES.deferred.color} actions={may("operator") && actions}>
      <strong>{message ?? "Somebody has to decide"}</strong>{" "}
      <div className="muted">
        <Anchor component="button" onClick={() => onChoose(task.name)}>{task.name}</Anchor> waits for approval since <Time at={task.wait?.since} {...zoned} />
        {task.wait?.until != null && <>, at most until <Time at={task.wait.until} {...zoned} /></>}
      </div>
      <DecisionDialog run={run} task={task} decision={decision} onClose={() => setDecision(null)} />
    </Notice>
  );
}

/** Short pauses between two tasks are no news. */
const PATIENCE_MS = 5_000;

const HOLDING: ReadonlySet<Schema<"WhyKind">> = new Set(["run_queued", "no_worker", "no_free_slot", "no_room", "retry", "deferred"]);

/** Why it does not go on, while something of it is held. */
function Held({ run, zone, onChoose }: Props) {
  const [, choose] = useAddress();
  const now = useNow(2_000);
  const held = new Set(run.tasks.filter((task) => isHeld(task, now)).map(({ name }) => name));
  const why = useQuery({
    queryKey: ["run", run.id, "why"],
    queryFn: () => ask(api.GET("/api/v1/runs/{run}/why", { params: { path: { run: run.id } } })),
    enabled: run.state === "queued" || held.size > 0,
  });
  if (why.data === undefined) return null;
  const ofRun = run.state === "queued" ? why.data.run : [];
  const ofTasks = run.state === "queued" ? [] : why.data.tasks.filter(({ task, kind }) => held.has(task) && HOLDING.has(kind));
  if (ofRun.length + ofTasks.length === 0) return null;
  return (
    <Notice color={STATES.ready.color} actions={<Button size="xs" variant="default" onClick={() => choose({ tab: "why" })}>All reasons</Button>}>
      <strong>{run.state === "queued" ? "Why this is not running" : "What it waits for"}</strong>
      <ul>
        {ofRun.map(({ words }) => <li key={words}>This run <Words text={words} zone={zone} /></li>)}
        {alike(ofTasks).slice(0, FEW).map(({ tasks, words }) => (
          <li key={tasks[0]}>
            {tasks.slice(0, FEW).map((task, place) => (
              <Fragment key={task}>{place > 0 && ", "}<Anchor component="button" onClick={() => onChoose(task)}>{task}</Anchor></Fragment>
            ))}
            {tasks.length > FEW && ` and ${(tasks.length - FEW).toLocaleString("en")} more`}
            {tasks.length > 1 ? ": each " : " "}<Words text={words} zone={zone} />
          </li>
        ))}
        {alike(ofTasks).length > FEW && <li>and more, for other reasons</li>}
      </ul>
    </Notice>
  );
}

/** Tasks that are held for the same reason, together. */
function alike(tasks: Schema<"TaskWhy">[]): { tasks: string[]; words: string }[] {
  const byWords = new Map<string, string[]>();
  for (const { task, words } of tasks) byWords.set(words, [...(byWords.get(words) ?? []), task]);
  return [...byWords].map(([words, names]) => ({ tasks: names, words }));
}

function isHeld(task: TaskRun, now: number): boolean {
  if (task.state === "retry_wait") return true;
  if (task.state === "deferred") return !awaitsApproval(task) && task.wait?.condition.for !== "items";
  return task.state === "ready" && (task.ready_at == null || now - new Date(task.ready_at).getTime() > PATIENCE_MS);
}

/** What it has ended of, and the tasks to look at first. */
function Ended({ run, zone, onChoose }: Props) {
  const failed = run.tasks.filter(({ state }) => state === "failed");
  if (run.reason == null && failed.length === 0) return null;
  // The run's own reason is that of the first of them.
  const own = failed.length === 0 ? run.reason : null;
  return (
    <Notice color={STATES[run.state].color}>
      {own != null && <><strong>The run {run.state === "failed" ? "has failed" : `was ${STATES[run.state].word}`}:</strong> <Words text={own} zone={zone} /></>}
      {failed.slice(0, FEW).map(({ name, reason }) => (
        <div key={name} className="run-notice-reason">
          <Anchor component="button" fw={600} onClick={() => onChoose(name)}>{name}</Anchor> failed{reason != null && <>: <Words text={reason} zone={zone} /></>}
        </div>
      ))}
      {failed.length > FEW && <div className="muted">and {failed.length - FEW} more</div>}
    </Notice>
  );
}
