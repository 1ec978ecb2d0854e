// The task that is chosen: how it stands and why, what can be done about it, and its log, attempts, outputs and items. An item
// of a list is a task too, by the name `visit[3]`.
import { ActionIcon, Skeleton, Tabs, Text, Title } from "@mantine/core";
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { IconArrowsDiagonal, IconArrowsDiagonalMinimize2, IconX } from "@tabler/icons-react";
import { lazy, type Ref, Suspense, useEffect, useRef, useState } from "react";
import { ApiError, api, ask } from "../../api/client";
import type { RunDetail, TaskRun } from "../../api/types";
import { useAddress } from "../../parts/address";
import { ErrorView } from "../../parts/error-view";
import { JsonView } from "../../parts/json-view";
import { State } from "../../parts/state";
import { Attempts } from "./attempts-list";
import { Items } from "./items";
import { TaskActions } from "./task-actions";
import { TaskFacts } from "./task-facts";

const LogView = lazy(() => import("../../parts/log-view"));

interface Props {
  run: RunDetail;
  name: string;
  zone: string | undefined;
  heading: Ref<HTMLHeadingElement>;
}

export function TaskPanel({ run, name, zone, heading }: Props) {
  const item = itemOf(name);
  const ofItem = useItem(run.id, item);
  const task = item === null ? run.tasks.find((each) => each.name === name) : ofItem.data;
  const [words, choose] = useAddress();
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    // Where it stands below, a choice would change nothing that is seen.
    if (window.matchMedia("(max-width: 63.99em)").matches) panel.current?.scrollIntoView({ block: "start" });
  }, []);
  const wide = words.get("wide") !== null;
  return (
    <section ref={panel} className="card run-panel" aria-label={`Task ${name}`}>
      <div className="run-panel-head">
        <div className="run-panel-title">
          <Title order={2} size="h3" ref={heading} tabIndex={-1}>{name}</Title>
          {task !== undefined && <State state={task.state} />}
        </div>
        <ActionIcon visibleFrom="md" variant="subtle" color="gray" aria-label={wide ? "Beside the run" : "Over the whole width"} title={wide ? "Beside the run" : "Over the whole width"} onClick={() => choose({ wide: wide ? null : "1" })}>
          {wide ? <IconArrowsDiagonalMinimize2 size={16} /> : <IconArrowsDiagonal size={16} />}
        </ActionIcon>
        <ActionIcon variant="subtle" color="gray" aria-label="Close the task" onClick={() => choose({ task: null, view: null, wide: null })}><IconX size={16} /></ActionIcon>
      </div>
      {task === undefined ? <Missing name={name} query={ofItem} /> : <Task run={run} task={task} zone={zone} />}
    </section>
  );
}

function Missing({ name, query }: { name: string; query: UseQueryResult<TaskRun> }) {
  if (query.isLoading) return <Skeleton height={160} role="status" aria-label="Loading" />;
  if (query.error !== null) return <div className="run-panel-body"><ErrorView error={query.error} again={() => void query.refetch()} /></div>;
  return <div className="run-panel-body"><Text size="sm">This run has no task {name}. It may have been named differently when the run was made.</Text></div>;
}

interface ItemName {
  of: string;
  place: number;
}

function itemOf(name: string): ItemName | null {
  const parts = /^(.+)\[(\d{1,9})\]$/.exec(name);
  return parts?.[1] === undefined ? null : { of: parts[1], place: Number(parts[2]) };
}

function useItem(run: string, item: ItemName | null): UseQueryResult<TaskRun> {
  return useQuery({
    queryKey: ["run", run, "item", item?.of, item?.place],
    enabled: item !== null,
    queryFn: async () => {
      const path = { run, task: item?.of ?? "" };
      const page = await ask(api.GET("/api/v1/runs/{run}/tasks/{task}/items", { params: { path, query: { from: item?.place ?? 0, limit: 1 } } }));
      const found = page.items.find(({ name }) => name === `${item?.of}[${item?.place}]`);
      if (found === undefined) throw new ApiError("The list has no such item. It may have been made anew since.", null);
      return found;
    },
  });
}

const TABS = ["log", "attempts", "outputs", "items"] as const;
type Tab = (typeof TABS)[number];
const TAB_WORDS: Record<Tab, string> = { log: "Log", attempts: "Attempts", outputs: "Outputs", items: "Items" };

function Task({ run, task, zone }: { run: RunDetail; task: TaskRun; zone: string | undefined }) {
  const [words, choose] = useAddress();
  const there = TABS.filter((tab) => tab !== "items" || task.items != null);
  const open = there.find((tab) => tab === words.get("view")) ?? (task.items == null ? "log" : "items");
  return (
    <>
      <div className="run-panel-body">
        <TaskActions run={run} task={task} />
        <TaskFacts run={run} task={task} zone={zone} />
      </div>
      <Tabs value={open} onChange={(view) => choose({ view })} keepMounted={false}>
        <Tabs.List px="xs">{there.map((tab) => <Tabs.Tab key={tab} value={tab}>{TAB_WORDS[tab]}</Tabs.Tab>)}</Tabs.List>
        <Tabs.Panel value="log"><Log run={run.id} task={task} /></Tabs.Panel>
        <Tabs.Panel value="attempts"><Attempts run={run} task={task} zone={zone} /></Tabs.Panel>
        <Tabs.Panel value="outputs">
          <div className="run-panel-body">
            {Object.keys(task.outputs).length === 0 ? <Text size="sm" c="dimmed">It has handed nothing on.</Text> : <JsonView value={task.outputs} label={`outputs of ${task.name}`} />}
          </div>
        </Tabs.Panel>
        <Tabs.Panel value="items"><Items run={run} task={task.name} /></Tabs.Panel>
      </Tabs>
    </>
  );
}

function Log({ run, task }: { run: string; task: TaskRun }) {
  const again = useBeginnings(task.ended_at != null);
  if (task.attempt === 0 && task.state !== "running") return <div className="run-panel-body"><Text size="sm" c="dimmed">It has not begun, so there is no log yet.</Text></div>;
  return <Suspense fallback={<Skeleton height={200} role="status" aria-label="Loading" />}><LogView key={again} run={run} task={task.name} height="min(52vh, 520px)" /></Suspense>;
}

/** How often it began anew after an end: its log, which was told to be over, is followed again then. */
function useBeginnings(ended: boolean): number {
  const [times, setTimes] = useState(0);
  const before = useRef(ended);
  useEffect(() => {
    if (before.current && !ended) setTimes((known) => known + 1);
    before.current = ended;
  }, [ended]);
  return times;
}
