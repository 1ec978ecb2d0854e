// The tasks of a run in a table: how each stands, its attempts, how long it was queued and ran, where, and why. A part of the
// name and a state narrow it down; both stand in the address.
import { Group, Select, Table, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import type { TaskRun, TaskState } from "../../api/types";
import { between, duration } from "../../format/time";
import { useAddress } from "../../parts/address";
import { EmptyView } from "../../parts/empty-view";
import { useNow } from "../../parts/now";
import { Card } from "../../parts/page";
import { State } from "../../parts/state";
import { type Measure, VirtualRows, WideTable } from "../../parts/wide-table";
import { STATES } from "../../theme";
import { hasEnded } from "./head";
import type { ViewProps } from "./views";

const COLUMNS = ["Task", "State", "Attempts", "Queued", "Ran", "Worker", "Reason"] as const;
/** Beside the panel of the chosen task, which says the rest. */
const FEW_COLUMNS = ["Task", "State", "Ran", "Reason"] as const;
const NUMBERS = new Set<string>(["Attempts", "Queued", "Ran"]);

export function Tasks({ run, chosen, onChoose }: ViewProps) {
  const [words, choose] = useAddress();
  const wanted = (words.get("find") ?? "").toLowerCase();
  const state = words.get("state");
  const now = useNow(hasEnded(run) ? null : 1_000);
  const columns = chosen === null || words.get("wide") !== null ? COLUMNS : FEW_COLUMNS;
  const shown = run.tasks.filter((task) => (state === null || task.state === state) && `${task.name} ${task.kind}`.toLowerCase().includes(wanted));
  return (
    <Card flush>
      <Group gap="sm" p="sm">
        <TextInput
          size="xs"
          leftSection={<IconSearch size={14} aria-hidden />}
          placeholder="Name or kind"
          aria-label="Narrow down by name or kind"
          value={words.get("find") ?? ""}
          onChange={(event) => choose({ find: event.currentTarget.value })}
        />
        <Select size="xs" aria-label="Narrow down by state" placeholder="Any state" clearable data={statesOf(run.tasks, state)} value={state} onChange={(next) => choose({ state: next })} />
        {shown.length < run.tasks.length && <span className="muted" role="status">{shown.length.toLocaleString("en")} of {run.tasks.length.toLocaleString("en")}</span>}
      </Group>
      {shown.length === 0 ? (
        <EmptyView title="No such task">{run.tasks.length === 0 ? "This run has no tasks." : "Take a filter away to see the others."}</EmptyView>
      ) : (
        <WideTable
          label="Tasks of the run"
          minWidth={columns === COLUMNS ? 820 : 480}
          head={columns.map((word) => <Table.Th key={word} className={NUMBERS.has(word) ? "number" : ""}>{word}</Table.Th>)}
        >
          <VirtualRows
            rows={shown}
            columns={columns.length}
            draw={(task, _, measure) => <TaskRow key={task.name} task={task} now={now} whole={columns === COLUMNS} chosen={task.name === chosen} onChoose={onChoose} measure={measure} />}
          />
        </WideTable>
      )}
    </Card>
  );
}

function statesOf(tasks: readonly TaskRun[], chosen: string | null): { value: string; label: string }[] {
  const there = new Set<string>(tasks.map(({ state }) => state));
  const states = (Object.keys(STATES) as TaskState[]).filter((state) => there.has(state) || state === chosen);
  return states.map((value) => ({ value, label: STATES[value].word }));
}

interface RowProps {
  task: TaskRun;
  now: number;
  whole: boolean;
  chosen: boolean;
  onChoose: (task: string) => void;
  measure: Measure;
}

function TaskRow({ task, now, whole, chosen, onChoose, measure }: RowProps) {
  const { queued, ran } = timesOf(task, now);
  return (
    <Table.Tr {...measure} className={chosen ? "row-chosen" : ""} onClick={() => onChoose(task.name)} style={{ cursor: "pointer" }}>
      <Table.Td className="name">
        <button type="button" className="link-button clip" title={task.name} aria-pressed={chosen}><strong>{task.name}</strong></button>
        <span className="muted clip" style={{ fontSize: "0.78rem" }}>{task.kind}{task.items == null ? "" : `, ${task.items.succeeded} of ${task.items.items} items`}</span>
      </Table.Td>
      <Table.Td><State state={task.state} /></Table.Td>
      {whole && <Table.Td className="number">{task.attempt}{task.lost > 0 && <span className="muted" title="Attempts that lost their worker"> +{task.lost} lost</span>}</Table.Td>}
      {whole && <Table.Td className="number">{queued === null ? "–" : duration(queued)}</Table.Td>}
      <Table.Td className="number">{ran === null ? "–" : duration(ran)}</Table.Td>
      {whole && <Table.Td className="clip" maw={120} title={task.worker ?? ""}>{task.worker ?? <span className="muted">–</span>}</Table.Td>}
      <Table.Td className="clip" maw={whole ? 320 : 180} title={reasonOf(task)}>{reasonOf(task)}</Table.Td>
    </Table.Tr>
  );
}

/** How long its last attempt was queued and ran, in milliseconds. */
export function timesOf(task: TaskRun, now: number): { queued: number | null; ran: number | null } {
  // A task that is done once per item has no worker: its time is that of its items.
  if (task.items != null) return { queued: null, ran: between(task.ready_at, task.ended_at, now) };
  const waits = task.state === "ready";
  const queued = between(task.ready_at, waits ? null : (task.started_at ?? task.ended_at), now);
  const begun = !waits && task.started_at != null && task.state !== "retry_wait";
  return { queued, ran: begun ? between(task.started_at, task.ended_at, now) : null };
}

function reasonOf(task: TaskRun): string {
  return task.reason ?? task.wait?.words ?? "";
}
